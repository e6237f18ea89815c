"""The address to listen at, and the socket."""

from __future__ import annotations

import errno
import re
import socket
from typing import NamedTuple

from jetson_deploy.errors import PreflightError, UsageError
from jetson_deploy.listener import http_url
from jetson_deploy.names import shown

_LISTEN = re.compile(r"(?:\[([0-9A-Fa-f.]*:[0-9A-Fa-f:.]*(?:%[0-9A-Za-z_.-]+)?)\]|([0-9A-Za-z._-]*)):([0-9]{1,5})")
_BACKLOG = 128
_EXAMPLES = "127.0.0.1:5000 for this machine alone, 0.0.0.0:5000 for every host that reaches it, [::1]:5000 with IPv6"


class ListenAddress(NamedTuple):
    host: str
    port: int
    """0: any free one."""

    @property
    def url(self) -> str:
        return http_url(self.host, self.port)


def parse_listen(text: str) -> ListenAddress:
    """Read HOST:PORT or [IPV6]:PORT. Raises UsageError `bad-listen`; a host has to be said."""
    match = _LISTEN.fullmatch(text)
    if match is None or int(match[3]) > 65535:
        raise _bad(f"{shown(text)} is not an address to listen at", f"give HOST:PORT: {_EXAMPLES}")
    host = match[1] or match[2]
    if not host:
        raise _bad(f"{shown(text)} names no host", f"say who may read the models: {_EXAMPLES}")
    return ListenAddress(host, int(match[3]))


def _bad(message: str, hint: str) -> UsageError:
    return UsageError(message, hint=hint, code="bad-listen")


def listening_socket(address: ListenAddress) -> socket.socket:
    """Raises PreflightError: listen-port-taken, listen-not-permitted, listen-not-possible."""
    try:
        family, _, _, _, place = socket.getaddrinfo(*address, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        link = socket.socket(family, socket.SOCK_STREAM)
        try:
            link.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            link.bind(place)
            link.listen(_BACKLOG)
        except OSError:
            link.close()
            raise
    except (OSError, UnicodeError) as error:
        raise _trouble(address, error) from error
    return link


def _trouble(address: ListenAddress, error: OSError | UnicodeError) -> PreflightError:
    number = error.errno if isinstance(error, OSError) else None
    why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    hint, code = "`ip address` shows this machine's addresses; 0.0.0.0 stands for all of them", "listen-not-possible"
    if number == errno.EADDRINUSE:
        hint, code = (
            f"choose another port, or find the process that has it: ss -ltnp sport = :{address.port}",
            "listen-port-taken",
        )
    elif number in (errno.EACCES, errno.EPERM):
        hint, code = "choose a port from 1024 on, or run with sudo", "listen-not-permitted"
    return PreflightError(f"cannot listen at {address.host}:{address.port}: {why}", hint=hint, code=code)


def address_of(link: socket.socket, host: str) -> ListenAddress:
    """The host as it was said, with the port that was chosen."""
    return ListenAddress(host, int(link.getsockname()[1]))
