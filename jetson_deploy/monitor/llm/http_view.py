"""One direction of an HTTP/1.1 connection, looked at while its bytes pass. Changes and keeps nothing of them.

Bytes → heads, parts of bodies, ends. What is no HTTP, or asks to become something else, makes the view blind: the
bytes go on, nothing is reported of them any more.
"""

from __future__ import annotations

from typing import Protocol

import msgspec

_MOST_HEAD_BYTES = 64 << 10
_MOST_CHUNK_LINE = 1 << 10


class Head(msgspec.Struct, frozen=True):
    first: str
    """Request line or status line."""
    headers: dict[str, str]
    """Names in lower case; of repeated ones the last."""

    @property
    def words(self) -> list[str]:
        return self.first.split(" ", 2)


class Listener(Protocol):
    def head(self, head: Head) -> bool:
        """True: no body follows, whatever the headers say."""
        ...

    def body(self, data: bytes) -> None: ...

    def end(self) -> None: ...


class HttpView:
    """`bare_body`: without length and chunks a body lasts until the end of the connection (answers)."""

    def __init__(self, listener: Listener, *, bare_body: bool) -> None:
        self._listener, self._bare_body = listener, bare_body
        self._line = bytearray()
        self._head: list[str] = []
        self._head_bytes = 0
        self._left = 0
        self._chunked = self._until_end = False
        self._trailer = False
        self.blind = False

    def feed(self, data: bytes) -> None:
        at = 0
        while at < len(data) and not self.blind:
            if self._until_end:
                self._listener.body(data[at:])
                return
            at = self._take_body(data, at) if self._left else self._take_line(data, at)

    def finish(self) -> None:
        """The connection has ended."""
        if self._until_end:
            self._until_end = False
            self._listener.end()
        self.blind = True

    def _take_body(self, data: bytes, at: int) -> int:
        part = data[at : at + self._left]
        self._left -= len(part)
        self._listener.body(part)
        if self._left == 0 and not self._chunked:
            self._listener.end()
        return at + len(part)

    def _take_line(self, data: bytes, at: int) -> int:
        end = data.find(b"\n", at)
        stop = len(data) if end < 0 else end + 1
        self._line += data[at:stop]
        if len(self._line) > (_MOST_CHUNK_LINE if self._chunked else _MOST_HEAD_BYTES):
            self.blind = True
        elif end >= 0:
            line = bytes(self._line).rstrip(b"\r\n")
            self._line.clear()
            self._chunk_line(line) if self._chunked else self._head_line(line)
        return stop

    def _head_line(self, line: bytes) -> None:
        if not line and not self._head:
            return  # empty lines before a message are to be ignored (RFC 9112, 2.2)
        self._head_bytes += len(line)
        if self._head_bytes > _MOST_HEAD_BYTES:
            self.blind = True
        elif line:
            self._head.append(line.decode("latin-1"))
        else:
            self._begin_body()

    def _begin_body(self) -> None:
        first, *rest = self._head
        self._head, self._head_bytes = [], 0
        headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in rest)}
        if "HTTP/1." not in first:
            self.blind = True
            return
        bodiless = self._listener.head(Head(first, headers))
        length = headers.get("content-length", "")
        if "chunked" in headers.get("transfer-encoding", "").lower() and not bodiless:
            self._chunked = True
        elif length.isascii() and length.isdigit() and int(length) and not bodiless:
            self._left = int(length)
        elif self._bare_body and not length and not bodiless:
            self._until_end = True
        else:
            self._listener.end()

    def _chunk_line(self, line: bytes) -> None:
        if self._trailer:
            if not line:
                self._chunked = self._trailer = False
                self._listener.end()
        elif line:  # the empty one ends the data of a chunk
            size = line.partition(b";")[0].strip()
            try:
                self._left = int(size, 16)
            except ValueError:
                self.blind = True
                return
            self._trailer = self._left == 0
