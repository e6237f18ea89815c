"""HOST:PORT on which the monitor is served."""

from __future__ import annotations

import ipaddress

from jetson_deploy.errors import UsageError
from jetson_deploy.listener import http_url

DEFAULT_LISTEN = "127.0.0.1:9735"
"""All of 9100 to 9999 is given away in Prometheus' list of exporters, so no number there is free. This one is none of
those that stand beside us: 9100 is node_exporter's and jetson_stats_node_exporter's, 9400 DCGM's, 9835
nvidia_gpu_exporter's, 9090 Prometheus', 3000 Grafana's and 11434 Ollama's."""

EXAMPLE_TAP = "127.0.0.1:11500"


def parse_listen(text: str, option: str = "--listen", example: str = DEFAULT_LISTEN) -> tuple[str, int]:
    """`HOST:PORT`, `[IPV6]:PORT` or `:PORT` (loopback); port 0: any free one. Raises UsageError."""
    host, colon, port = text.rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    host = host[1:-1] if bracketed else host
    if not colon or not (port.isascii() and port.isdecimal()) or int(port) > 65535 or not _is_host(host, bracketed):
        hint = f"{option} HOST:PORT, e.g. {example}"
        raise UsageError(f"{ascii(text)[:80]} is not an address to listen on", hint=hint, code="bad-listen")
    return host or "127.0.0.1", int(port)


def is_loopback(host: str) -> bool:
    """An address, or `localhost`; every other name is not: what it means depends on who asks."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def named_host(header: str) -> str:
    """The host of a Host header, without port and brackets."""
    header = header.strip()
    if header.startswith("["):
        return header[1:].partition("]")[0]
    return header.partition(":")[0].rstrip(".")


def url(host: str, port: int) -> str:
    return f"{http_url(host, port)}/"


def _is_host(host: str, bracketed: bool) -> bool:
    if bracketed or ":" in host:
        try:
            return bracketed and ipaddress.ip_address(host).version == 6
        except ValueError:
            return False
    return len(host) < 254 and host.isascii() and all(c.isalnum() or c in "-._" for c in host)
