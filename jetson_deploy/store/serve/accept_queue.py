"""Connections that have no thread: those that wait for one, are refused with 503, or have had their answer.

One thread serves all of them, so their number costs sockets only, and that is bounded too.
"""

from __future__ import annotations

import contextlib
import selectors
import socket
import time
from collections import deque
from typing import NamedTuple

WAIT_SECONDS = 1.0
"""For a thread. Long enough for a connection that is just being closed, or idle, to make room."""
_DRAIN_SECONDS = 2.0
MOST_PENDING = 128
"""Of those that wait, and of those that are drained."""
_TRY_LATER = (
    b"HTTP/1.1 503 Service Unavailable\r\n"
    b"Retry-After: 5\r\n"
    # No body at all: Ollama's downloader takes that of any status for the blob (server/download.go, 0.9.5).
    b"Content-Length: 0\r\n"
    b"Connection: close\r\n\r\n"
)


class Pending(NamedTuple):
    link: socket.socket
    address: str


class AcceptQueue:
    """Used by the accepting thread alone. `selector` reports data of those that are drained."""

    def __init__(self, selector: selectors.BaseSelector, wait_seconds: float = WAIT_SECONDS) -> None:
        self._selector, self._wait_seconds = selector, wait_seconds
        self._waiting: deque[tuple[float, Pending]] = deque()
        self._draining: dict[socket.socket, float] = {}

    @property
    def waiting(self) -> bool:
        return bool(self._waiting)

    def wait(self, link: socket.socket, address: str) -> bool:
        """False: too many wait already, and it was refused."""
        if len(self._waiting) >= MOST_PENDING:
            self.refuse(link)
            return False
        self._waiting.append((time.monotonic() + self._wait_seconds, Pending(link, address)))
        return True

    def next(self) -> Pending:
        """The one that has waited longest. Raises IndexError when none waits."""
        return self._waiting.popleft()[1]

    def tidy(self) -> int:
        """Refuse those that have waited too long, and close those that are drained. Returns the number refused."""
        now, refused = time.monotonic(), 0
        while self._waiting and self._waiting[0][0] <= now:
            self.refuse(self.next().link)
            refused += 1
        for link in [link for link, until in self._draining.items() if until <= now]:
            self._forget(link)
        return refused

    def refuse(self, link: socket.socket) -> None:
        with contextlib.suppress(OSError):
            link.send(_TRY_LATER)
        self.drain(link)

    def drain(self, link: socket.socket) -> None:
        """Close, but not before the client has read the answer: with bytes unread, closing would take it away."""
        try:
            link.shutdown(socket.SHUT_WR)
        except OSError:
            link.close()
            return
        if len(self._draining) >= MOST_PENDING:
            link.close()
            return
        self._draining[link] = time.monotonic() + _DRAIN_SECONDS
        self._selector.register(link, selectors.EVENT_READ, self._read_rest)

    def close(self) -> None:
        for link in [*(pending.link for _, pending in self._waiting), *self._draining]:
            link.close()

    def _read_rest(self, link: socket.socket) -> None:
        try:
            gone = not link.recv(1 << 16)
        except BlockingIOError:
            return
        except OSError:
            gone = True
        if gone:
            self._forget(link)

    def _forget(self, link: socket.socket) -> None:
        self._selector.unregister(link)
        del self._draining[link]
        link.close()
