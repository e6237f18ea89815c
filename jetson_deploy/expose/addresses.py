"""Where a door listens, and what clients may call this host."""

from __future__ import annotations

import errno
import ipaddress
import re
import socket
from collections.abc import Iterable

from jetson_deploy.errors import PreflightError, UsageError
from jetson_deploy.expose.door import DEFAULT_PORT, bracketed
from jetson_deploy.names import shown

_NAME = re.compile(r"(?=.{1,253}\Z)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*")
_INNER = ("lo", "docker", "br-", "veth", "virbr", "cni", "l4tbr", "usb", "rndis")
"""Of links that lead to no other machine but a container, or, at the USB port, one that is plugged in."""


def parse_listen(text: str) -> tuple[str, int]:
    """`ADDR`, `ADDR:PORT`, `[IPV6]` or `[IPV6]:PORT`. Raises UsageError `bad-listen`: names mean what others say."""
    found = re.fullmatch(r"(?:\[(?P<six>[0-9A-Fa-f:.]+)\]|(?P<four>[0-9.]+))(?::(?P<port>[0-9]{1,5}))?", text)
    try:
        address = ipaddress.ip_address((found["six"] or found["four"]) if found else text)
        port = int(found["port"]) if found and found["port"] else DEFAULT_PORT
    except ValueError:
        raise _bad(text) from None
    bracketed_four = found is not None and bool(found["six"]) != (address.version == 6)
    if not 1 <= port <= 65535 or bracketed_four or "%" in text:  # a scope may hold any character
        raise _bad(text)
    return str(address), port


def check_names(names: Iterable[str]) -> tuple[str, ...]:
    """In small letters. Raises UsageError `bad-host-name`."""
    found = tuple(dict.fromkeys(name.lower() for name in names))
    for name in found:
        if not _is_name(name):
            hint = "--hostname board.example.com, or an address; repeatable"
            raise UsageError(f"{shown(name)} is no host's name", hint=hint, code="bad-host-name")
    return found


def names_of(host: str, asked: tuple[str, ...]) -> tuple[str, ...]:
    """The first one is of the URL for clients: what was asked for, then addresses, then this host's name."""
    anywhere = ipaddress.ip_address(host).is_unspecified
    addresses = _outer_addresses() if anywhere else [host]
    own = socket.gethostname().lower().partition(".")[0]
    said = [own, f"{own}.local"] if _is_name(own) and own != "localhost" else []
    return tuple(dict.fromkeys((*asked, *addresses, *said))) or ("127.0.0.1",)


def check_free(host: str, port: int) -> None:
    """Raises PreflightError: `port-taken`, `address-not-here`, `port-not-allowed`."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as tried:
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            tried.bind((host, port))
    except OSError as error:
        where = f"{bracketed(host)}:{port}"
        if error.errno == errno.EADDRINUSE:
            hint = f"take another port: --listen {bracketed(host)}:{port + 1 if port < 65535 else DEFAULT_PORT}"
            raise PreflightError(f"something listens at {where} already", hint=hint, code="port-taken") from error
        if error.errno == errno.EACCES:
            raise PreflightError(f"{where} is root's to take", hint="run with sudo", code="port-not-allowed") from error
        raise PreflightError(
            f"this host cannot listen at {where}: {error.strerror}",
            hint="ip -brief address lists its addresses; --listen 0.0.0.0 takes all",
            code="address-not-here",
        ) from error


def _outer_addresses() -> list[str]:
    import psutil

    found = []
    for link, addresses in psutil.net_if_addrs().items():
        if not link.startswith(_INNER):
            found += [a.address for a in addresses if a.family == socket.AF_INET]
            found += [a.address for a in addresses if a.family == socket.AF_INET6 and not a.address.startswith("fe80")]
    return found


def _is_name(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return bool(_NAME.fullmatch(text))
    return "%" not in text


def _bad(text: str) -> UsageError:
    return UsageError(
        f"{shown(text)} is not an address to listen on",
        hint="--listen ADDR[:PORT] with an IP address of this host: 192.168.1.20, 0.0.0.0:8443, [::]:8443",
        code="bad-listen",
    )
