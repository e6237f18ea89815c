"""JSON over HTTP to a server on this host.

http.client and not requests: importing requests costs 70 ms more (110 against 40 ms on the development
machine), as much as everything else that a converged `up` asks; nothing of it is needed on loopback; and
http.client never looks at the proxy variables, which must not touch loopback.
"""

from __future__ import annotations

import http.client
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar
from urllib.parse import urlsplit

import msgspec

from jetson_deploy.errors import JetsonDeployError, UsageError
from jetson_deploy.server.http_errors import bad_answer, refusal, unreachable

T = TypeVar("T")
_END = b"[DONE]"

_LINE_BYTES = 16 * 1024 * 1024
"""More than any line of a server of ours: a foreign one must not fill the memory."""


class Dialect(msgspec.Struct, frozen=True, kw_only=True):
    """Whose answers are expected."""

    title: str
    refusal_of: Callable[[str], JetsonDeployError | None]
    """Text of an error → its meaning; None: it has none of its own."""


class HttpClient:
    """A base URL to send requests to; every request has its own connection, so threads may share one."""

    def __init__(self, base_url: str, timeout: float, dialect: Dialect) -> None:
        parts = urlsplit(base_url)
        if parts.scheme != "http" or not parts.hostname:
            raise UsageError(
                f"{base_url} is not an http:// address",
                hint="give it as http://127.0.0.1:11434",
                code="bad-endpoint",
            )
        self.base_url = base_url.rstrip("/")
        self.timeout, self._dialect = timeout, dialect
        self._host = parts.hostname
        self._port = parts.port or 80
        self._prefix = parts.path.rstrip("/")

    def get(self, path: str, kind: type[T]) -> T:
        with self._asked("GET", path, None, self.timeout) as response:
            return self._decoded(response.read(), kind)

    def get_text(self, path: str) -> str:
        with self._asked("GET", path, None, self.timeout) as response:
            return response.read(1000).decode(errors="replace")

    def get_whole_text(self, path: str) -> str:
        """At most 1 MB of it."""
        with self._asked("GET", path, None, self.timeout) as response:
            return response.read(1_000_000).decode(errors="replace")

    def post(self, path: str, body: dict[str, Any], kind: type[T], *, timeout: float) -> T:
        with self._asked("POST", path, body, timeout) as response:
            return self._decoded(response.read(), kind)

    def post_lines(self, path: str, body: dict[str, Any], kind: type[T], *, timeout: float) -> Iterator[T]:
        """The lines of a streamed answer; closing the iterator closes the connection, which ends the work.

        `timeout` is for the wait between two lines, the first included.
        """
        with self._asked("POST", path, body, timeout) as response:
            while line := response.readline(_LINE_BYTES):
                if line.strip():
                    yield self._decoded(line, kind)

    def post_events(self, path: str, body: dict[str, Any], kind: type[T], *, timeout: float) -> Iterator[T]:
        """As `post_lines`, of server-sent events, up to `[DONE]`. Comments only keep the connection open."""
        with self._asked("POST", path, body, timeout) as response:
            while line := response.readline(_LINE_BYTES):
                name, _, data = line.partition(b":")
                if name.strip() not in (b"data", b"error"):
                    continue
                if data.strip() == _END:
                    return
                yield self._decoded(data, kind)

    @contextmanager
    def _asked(
        self, method: str, path: str, body: dict[str, Any] | None, timeout: float
    ) -> Iterator[http.client.HTTPResponse]:
        connection = http.client.HTTPConnection(self._host, self._port, timeout=timeout)
        try:
            data = None if body is None else msgspec.json.encode(body)
            headers = {"Content-Type": "application/json"} if data else {}
            connection.request(method, self._prefix + path, data, headers)
            with connection.getresponse() as response:
                if response.status != http.client.OK:
                    text = response.read(100_000)
                    raise refusal(self.base_url, response.status, text, self._dialect.refusal_of)
                yield response
        except (OSError, http.client.HTTPException) as error:
            raise unreachable(self.base_url, error, timeout, self._dialect.title) from error
        finally:
            connection.close()

    def _decoded(self, body: bytes, kind: type[T]) -> T:
        try:
            return msgspec.json.decode(body, type=kind)
        except msgspec.MsgspecError as error:
            raise bad_answer(self.base_url, str(error), self._dialect.title) from error
