"""The monitors that Prometheus scrapes: `HOST[:PORT]` from the command line, or from a file with one host in each line.

Those of a fleet's inventory come from `cli/`, as names.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from jetson_deploy.errors import UsageError
from jetson_deploy.monitor.serve.listen import DEFAULT_LISTEN
from jetson_deploy.names import shown
from jetson_deploy.store.whole_file import read_bounded

PORT = int(DEFAULT_LISTEN.rpartition(":")[2])
HERE = DEFAULT_LISTEN
"""The default target: the monitor of this machine."""
_NAME = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)(\.(?!-)[A-Za-z0-9_-]{1,63}(?<!-))*\.?")
_LONGEST_FILE = 1 << 20
_SHAPES = f"HOST, HOST:PORT or [IPV6]:PORT; without a port {PORT}"


def target(text: str) -> str:
    """`HOST:PORT`, as Prometheus wants it. Raises UsageError `bad-host`."""
    host, port = _parted(text.strip())
    number = int(port) if port.isascii() and port.isdecimal() and len(port) < 6 else 0
    if not 0 < number < 65536 or not (named := _host(host)):
        raise UsageError(f"{shown(text)} is not a host with a monitor", hint=_hint(text), code="bad-host")
    return f"{named}:{number}"


def read_hosts(path: Path) -> list[str]:
    """Targets of a file: one host in each line, as `host` or as YAML's `- host`; `#` begins a comment.

    Raises UsageError `bad-host` with the line, `no-hosts`, and `hosts-not-readable`.
    """
    found = []
    for number, line in enumerate(_text_of(path).splitlines(), 1):
        if (host := _host_in(line)) is None:
            continue
        try:
            found.append(target(host))
        except UsageError as error:
            where = f"{path} line {number}: {error.message}"
            raise error.with_context(message=where, hint=f"one host in each line: {error.hint}") from error
    if not found:
        raise UsageError(f"{path} names no host", hint=f"one host in each line: {_SHAPES}", code="no-hosts")
    return found


def discovery(targets: Iterable[str]) -> list[dict[str, Any]]:
    """Prometheus' file discovery: each target once, in order."""
    return [{"targets": list(dict.fromkeys(targets))}]


def _parted(text: str) -> tuple[str, str]:
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        colon, _, port = rest.partition(":") if rest else ("", "", str(PORT))
        return (f"[{host}]", port) if bracket and not colon else ("", "")
    if text.count(":") > 1:  # an IPv6 address without a port
        return f"[{text}]", str(PORT)
    host, colon, port = text.partition(":")
    return host, port if colon else str(PORT)


def _host(host: str) -> str:
    """As it stands in a URL; empty: it is none."""
    if host.startswith("["):
        try:
            return f"[{ipaddress.IPv6Address(host[1:-1])}]"
        except ValueError:
            return ""
    if re.fullmatch(r"[0-9.]+", host):
        try:
            return str(ipaddress.IPv4Address(host))
        except ValueError:
            return ""
    return host if len(host) < 254 and _NAME.fullmatch(host) else ""


def _hint(text: str) -> str:
    if "://" in text or "/" in text:
        return f"without scheme and path: {_SHAPES}"
    return f"without a user: {_SHAPES}" if "@" in text else _SHAPES


def _text_of(path: Path) -> str:
    try:
        content = read_bounded(path, _LONGEST_FILE)
    except OSError as error:
        raise _unreadable(path, str(error.strerror)) from error
    if content is None:
        raise _unreadable(path, "it is no file of at most 1 MiB")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _unreadable(path, f"it is not UTF-8 at byte {error.start}") from error


def _unreadable(path: Path, why: str) -> UsageError:
    return UsageError(
        f"{path} cannot be read: {why}", hint="--hosts FILE, one host in each line", code="hosts-not-readable"
    )


def _host_in(line: str) -> str | None:
    """None: the line names none."""
    text = re.sub(r"(^|\s)#.*", "", line).strip()
    if text in ("", "---", "...", "hosts:"):
        return None
    text = re.sub(r"^-\s+", "", text)
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'" else text
