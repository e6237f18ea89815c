"""Connections that have no thread: those that wait for a place, are told to come back, or have had their answer.

One thread looks after all of them, so their number costs sockets only, and that is bounded too.
"""

from __future__ import annotations

import contextlib
import selectors
import socket
import time
from collections import deque
from typing import NamedTuple

WAIT_SECONDS = 1.0
"""For a place. Long enough for a connection that is just being closed, or idle, to make room."""
_PARTING_SECONDS = 2.0
MOST_AT_DOOR = 128
"""Of those who wait, and of those who leave."""
_COME_BACK = (
    b"HTTP/1.1 503 Service Unavailable\r\n"
    b"Retry-After: 5\r\n"
    # No body at all: Ollama's downloader takes that of any status for the blob (server/download.go, 0.9.5).
    b"Content-Length: 0\r\n"
    b"Connection: close\r\n\r\n"
)


class Newcomer(NamedTuple):
    link: socket.socket
    address: str


class Door:
    """Used by the accepting thread alone. `selector` tells when those who leave have sent something."""

    def __init__(self, selector: selectors.BaseSelector, wait_seconds: float = WAIT_SECONDS) -> None:
        self._selector, self._wait_seconds = selector, wait_seconds
        self._waiting: deque[tuple[float, Newcomer]] = deque()
        self._leaving: dict[socket.socket, float] = {}

    @property
    def somebody_waits(self) -> bool:
        return bool(self._waiting)

    def wait(self, link: socket.socket, address: str) -> bool:
        """False: too many wait already, and it was refused."""
        if len(self._waiting) >= MOST_AT_DOOR:
            self.refuse(link)
            return False
        self._waiting.append((time.monotonic() + self._wait_seconds, Newcomer(link, address)))
        return True

    def next(self) -> Newcomer:
        """Who has waited longest. Raises IndexError when nobody does."""
        return self._waiting.popleft()[1]

    def tidy(self) -> int:
        """Refuse who has waited too long, and forget who has left. Returns the number of the refused."""
        now, refused = time.monotonic(), 0
        while self._waiting and self._waiting[0][0] <= now:
            self.refuse(self.next().link)
            refused += 1
        for link in [link for link, until in self._leaving.items() if until <= now]:
            self._forget(link)
        return refused

    def refuse(self, link: socket.socket) -> None:
        with contextlib.suppress(OSError):
            link.send(_COME_BACK)
        self.see_off(link)

    def see_off(self, link: socket.socket) -> None:
        """Close, but not before the client has read the answer: with bytes unread, closing would take it away."""
        try:
            link.shutdown(socket.SHUT_WR)
        except OSError:
            link.close()
            return
        if len(self._leaving) >= MOST_AT_DOOR:
            link.close()
            return
        self._leaving[link] = time.monotonic() + _PARTING_SECONDS
        self._selector.register(link, selectors.EVENT_READ, self._hear_out)

    def close(self) -> None:
        for link in [*(newcomer.link for _, newcomer in self._waiting), *self._leaving]:
            link.close()

    def _hear_out(self, link: socket.socket) -> None:
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
        del self._leaving[link]
        link.close()
