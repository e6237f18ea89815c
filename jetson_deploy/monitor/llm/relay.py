"""One client's connection and its own one to the server: bytes pass both ways unchanged.

At most one read's worth waits in each direction; while it waits nothing more is read, so a slow reader slows the
server, as it would without us. An end of one side's bytes is passed on as an end, a broken side breaks the other.
"""

from __future__ import annotations

import contextlib
import errno
import os
import selectors
import socket
import time
from collections.abc import Callable
from typing import Any

from jetson_deploy.monitor.llm.exchanges import Exchanges
from jetson_deploy.monitor.llm.http_view import HttpView

READ_BYTES = 64 << 10
_PARTING_SECONDS = 3.0
"""For a client to notice that the server has closed."""
_CONNECT_SECONDS = 10.0
Address = tuple[int, Any]
"""Family and address of a socket."""


class _Way:
    """One direction."""

    def __init__(self, source: socket.socket, target: socket.socket, view: HttpView) -> None:
        self.source, self.target, self.view = source, target, view
        self.waiting = memoryview(b"")
        self.ended = False
        """Nothing more comes."""
        self.end_passed = False
        self.lost = False
        """The reader is gone."""

    def read(self) -> None:
        """Raises OSError of the source."""
        try:
            data = self.source.recv(READ_BYTES)
        except BlockingIOError:
            return
        if not data:
            self.ended = True
            self.push()
            return
        if not self.lost:
            self.waiting = memoryview(data)
            self.push()
        try:
            self.view.feed(data)  # after passing it on: looking at it must not delay it
        except Exception:  # what cannot be counted is passed on all the same
            self.view.blind = True

    def push(self) -> None:
        try:
            if self.waiting:
                self.waiting = self.waiting[self.target.send(self.waiting) :]
            if self.ended and not self.waiting and not self.end_passed:
                self.end_passed = True
                self.target.shutdown(socket.SHUT_WR)
        except BlockingIOError:
            pass
        except OSError:
            self.lost, self.waiting = True, memoryview(b"")


class Relay:
    """Used by the tap's thread alone. `refuse`: the answer when no server is there."""

    def __init__(
        self,
        client: socket.socket,
        upstream: tuple[Address, ...],
        selector: selectors.BaseSelector,
        exchanges: Exchanges,
        refusal: Callable[[str], bytes],
    ) -> None:
        self.exchanges = exchanges
        self.closed = False
        self.since = time.monotonic()
        """Of the last byte."""
        self._deadline: float | None = self.since + _CONNECT_SECONDS
        self._client, self._selector, self._refusal = client, selector, refusal
        self._places = list(upstream)
        self._masks: dict[socket.socket, int] = {}
        self._server = self._connect()
        self._up = _Way(client, self._server, exchanges.requests)
        self._down = _Way(self._server, client, exchanges.answers)
        self._connected = False
        self._arrange()

    @property
    def idle(self) -> bool:
        return self._connected and not self.exchanges.open and not self._up.waiting and not self._down.waiting

    def overdue(self, now: float) -> bool:
        return self._deadline is not None and now >= self._deadline

    def ready(self, link: socket.socket, mask: int) -> None:
        self.since = time.monotonic()
        try:
            if not self._connected:
                self._finish_connect()
            elif link is self._client:
                self._serve(self._up, self._down, mask)
            else:
                self._serve(self._down, self._up, mask)
        except OSError:
            self.close()
        if not self.closed:
            self._settle()

    def close(self) -> None:
        if self.closed:
            return
        self.closed = True
        for link in tuple(self._masks):
            self._selector.unregister(link)
        self._masks.clear()
        self._client.close()
        self._server.close()
        self.exchanges.finish(server_left=self._down.ended)

    def _serve(self, own: _Way, other: _Way, mask: int) -> None:
        """`own` begins at the ready socket, `other` ends there."""
        if mask & selectors.EVENT_WRITE:
            other.push()
        if mask & selectors.EVENT_READ and not own.waiting and not own.ended:
            own.read()

    def _settle(self) -> None:
        if (self._up.ended and not self._down.ended) or self._down.lost:
            self.exchanges.client_left = True
        if self._down.lost or (self._down.end_passed and self._up.ended):
            self.close()
        elif self._down.end_passed and self._deadline is None:
            self._deadline = time.monotonic() + _PARTING_SECONDS
        if not self.closed:
            self._arrange()

    def _arrange(self) -> None:
        """Listen for what can be used now."""
        if not self._connected:
            self._listen(self._server, selectors.EVENT_WRITE)
            return
        for link, own, other in ((self._client, self._up, self._down), (self._server, self._down, self._up)):
            reads = selectors.EVENT_READ if not own.ended and not own.waiting else 0
            self._listen(link, reads | (selectors.EVENT_WRITE if other.waiting else 0))

    def _listen(self, link: socket.socket, mask: int) -> None:
        before = self._masks.get(link, 0)
        if mask == before:
            return
        if not mask:
            self._selector.unregister(link)
            del self._masks[link]
            return
        if before:
            self._selector.modify(link, mask, self)
        else:
            self._selector.register(link, mask, self)
        self._masks[link] = mask

    def _connect(self) -> socket.socket:
        family, place = self._places.pop(0)
        server = socket.socket(family, socket.SOCK_STREAM)
        server.setblocking(False)
        server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with contextlib.suppress(OSError):  # in progress; a refusal is reported by the socket's error later
            server.connect(place)
        return server

    def _finish_connect(self) -> None:
        error = self._server.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if error == 0:
            try:
                self._server.getpeername()
            except OSError:
                error = errno.ECONNREFUSED  # already reported by connect()
        if error == 0:
            self._connected, self._deadline = True, None
        elif self._places:
            self._listen(self._server, 0)
            self._server.close()
            self._server = self._up.target = self._down.source = self._connect()
        else:
            self._refuse(os.strerror(error))

    def _refuse(self, why: str) -> None:
        self._down.waiting = memoryview(self._refusal(why))
        self._down.ended = self._up.lost = True
        self._up.view.blind = self._down.view.blind = True
        self._connected, self._deadline = True, None
        self._listen(self._server, 0)
        self._down.push()
