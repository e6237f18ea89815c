"""HTTP to the engine, without the docker SDK: importing it costs about 120 ms and 21 MiB on the development machine,
most questions 2 ms. A unix socket or plain TCP only; a host over TLS or SSH is reached by `sdk_wire.py`.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import socket
from typing import Protocol
from urllib.parse import urlsplit

import msgspec

DEFAULT_SOCKET = "/var/run/docker.sock"
_HEADERS = {"Host": "docker"}


class Stream(Protocol):
    """An answer that goes on."""

    status: int

    def read1(self, most: int) -> bytes:
        """What has come; b"" at the end. Raises OSError, HTTPException."""

    def rest(self) -> bytes: ...

    def close(self) -> None:
        """From any thread: it ends a read that waits."""


class Wire(Protocol):
    """Raises OSError and HTTPException for what is no answer, PreflightError for an engine that was never reached."""

    def ask(self, method: str, path: str, body: bytes | None, seconds: float) -> tuple[int, bytes]:
        """Status and body. `seconds`: for each wait."""

    def stream(self, path: str, seconds: float, *, ends: bool = False) -> Stream:
        """`seconds`: until it begins; of one that `ends` by itself for each wait."""


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a unix socket."""

    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def plain_connection(docker_host: str | None, timeout: float) -> http.client.HTTPConnection | None:
    """None: a host that only the SDK reaches (TLS, SSH). `timeout` in seconds is for each wait."""
    parts = urlsplit(docker_host or f"unix://{DEFAULT_SOCKET}")
    if parts.scheme == "unix":
        return UnixConnection(parts.netloc + parts.path or DEFAULT_SOCKET, timeout)
    if parts.scheme in ("tcp", "http") and not os.environ.get("DOCKER_TLS_VERIFY"):
        return http.client.HTTPConnection(parts.hostname or "localhost", parts.port or 2375, timeout=timeout)
    return None


def is_plain(docker_host: str | None) -> bool:
    return plain_connection(docker_host, 1.0) is not None


class PlainWire:
    """A connection for each question: nothing is held between two, and an engine may be restarted."""

    def __init__(self, docker_host: str | None, most_bytes: int | None = None) -> None:
        """`most_bytes`: of an answer; the rest is not read."""
        self._host, self._most_bytes = docker_host, most_bytes

    def ask(self, method: str, path: str, body: bytes | None, seconds: float) -> tuple[int, bytes]:
        with contextlib.closing(self._connection(seconds)) as connection:
            kind = {"Content-Type": "application/json"} if body is not None else {}
            connection.request(method, path, body, _HEADERS | kind)
            response = connection.getresponse()
            return response.status, response.read(self._most_bytes)

    def stream(self, path: str, seconds: float, *, ends: bool = False) -> PlainStream:
        connection = self._connection(seconds)
        try:
            connection.request("GET", path, headers=_HEADERS)
            link = connection.sock  # http.client lets go of it where the engine says `Connection: close`
            return PlainStream(link, connection.getresponse(), ends=ends)
        except BaseException:
            connection.close()
            raise

    def _connection(self, seconds: float) -> http.client.HTTPConnection:
        connection = plain_connection(self._host, seconds)
        if connection is None:
            raise OSError("it is reached over TLS or SSH only")
        return connection


class PlainStream:
    def __init__(self, link: socket.socket, response: http.client.HTTPResponse, *, ends: bool) -> None:
        self._link, self._response = link, response
        self.status = response.status
        if self.status == http.client.OK and not ends:
            link.settimeout(None)  # a server that is not asked writes nothing for hours

    def read1(self, most: int) -> bytes:
        return self._response.read1(most)

    def rest(self) -> bytes:
        return self._response.read()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._link.shutdown(socket.SHUT_RDWR)  # first: it ends a read that waits, and closing waits for that
        self._response.close()
        self._link.close()


def said(body: bytes) -> str:
    """The words of a refusal."""
    try:
        return msgspec.json.decode(body, type=dict[str, str]).get("message", "")
    except msgspec.MsgspecError:
        return body[:200].decode(errors="replace").strip()
