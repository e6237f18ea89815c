"""Accepts connections, gives each of a bounded number a thread, and ends all of them at once."""

from __future__ import annotations

import selectors
import socket
import threading
import time
from collections import deque

import msgspec

from jetson_deploy.listener import MOST_CONNECTIONS, Wake, accepted, longest_idle
from jetson_deploy.store.layout import StorePaths
from jetson_deploy.store.rate import RateLimit
from jetson_deploy.store.serve.accept_queue import WAIT_SECONDS, AcceptQueue
from jetson_deploy.store.serve.answers import Answers
from jetson_deploy.store.serve.connection import ConnectionHandler
from jetson_deploy.store.serve.served import ServedStore
from jetson_deploy.store.serve.tally import Tally

_POLL_SECONDS = 0.1
"""At most between two checks of `stop` and of the queue."""
_END_SECONDS = 0.5
"""For the threads to notice that their sockets are shut."""


class Bounds(msgspec.Struct, frozen=True, kw_only=True):
    connections: int = MOST_CONNECTIONS
    """At the same time, each with a thread. One `ollama pull` uses up to 16."""
    bytes_per_second: float | None = None
    """Over all connections together; None or 0: no limit."""
    patience_seconds: float = 60.0
    """For a request to come whole, and for a client that takes nothing."""
    wait_seconds: float = WAIT_SECONDS


class StoreServer:
    """Serves until `stop` is set. It owns `listener`."""

    def __init__(
        self, paths: StorePaths, listener: socket.socket, bounds: Bounds, tally: Tally, stop: threading.Event
    ) -> None:
        self._listener, self._bounds, self._tally, self._stop = listener, bounds, tally, stop
        self._answers = Answers(ServedStore(paths))
        self._rate = RateLimit(bounds.bytes_per_second, sleep=stop.wait)
        self._handlers: dict[ConnectionHandler, threading.Thread] = {}
        self._ended: deque[ConnectionHandler] = deque()
        self._selector = selectors.DefaultSelector()
        self._queue = AcceptQueue(self._selector, bounds.wait_seconds)
        self._wake = Wake()

    def run(self) -> None:
        """Until the end; then nothing is left open."""
        self._listener.setblocking(False)
        self._selector.register(self._listener, selectors.EVENT_READ, self._accept)
        self._selector.register(self._wake.receiver, selectors.EVENT_READ, lambda _: self._wake.clear())
        try:
            while not self._stop.is_set():
                self._poll()
        finally:
            self._end()

    def _poll(self) -> None:
        for key, _ in self._selector.select(_POLL_SECONDS):
            key.data(key.fileobj)
        while self._ended:
            self._part(self._ended.popleft())
        while self._queue.waiting and len(self._handlers) < self._bounds.connections:
            self._start(*self._queue.next())
        if self._queue.waiting:
            self._make_room()
        for _ in range(self._queue.tidy()):
            self._refused()

    def _accept(self, listener: socket.socket) -> None:
        pending = accepted(listener, pause_seconds=_POLL_SECONDS)
        if pending is None:
            return
        link, address = pending
        self._tally.client(address)
        if not self._queue.wait(link, address):
            self._refused()

    def _refused(self) -> None:
        self._tally.refuse(f"all {self._bounds.connections} are in use (--connections)")

    def _start(self, link: socket.socket, address: str) -> None:
        patience = self._bounds.patience_seconds
        handler = ConnectionHandler(link, address, self._answers, self._rate, self._tally, patience)
        thread = threading.Thread(target=self._run, args=(handler,), name=f"serve {address}", daemon=True)
        try:
            thread.start()
        except RuntimeError as error:  # the limit of this user, or of this container
            self._queue.refuse(link)
            self._tally.refuse(str(error))
        else:
            self._handlers[handler] = thread

    def _run(self, handler: ConnectionHandler) -> None:
        try:
            handler.run()
        except Exception as bug:
            # One request must not end the service for the others.
            what = f"{type(bug).__name__}: {str(bug)[:200]}"
            self._tally.warn("bug", f"a request of {handler.address} failed, which is a bug: {what}")
        finally:
            self._ended.append(handler)
            self._wake.call()

    def _part(self, handler: ConnectionHandler) -> None:
        del self._handlers[handler]
        self._queue.drain(handler.link)

    def _make_room(self) -> None:
        idle = longest_idle({handler: since for handler in self._handlers if (since := handler.idle_since) is not None})
        if idle is not None:
            idle.hang_up()

    def _end(self) -> None:
        self._stop.set()
        self._listener.close()
        for handler in self._handlers:
            handler.hang_up()
        until = time.monotonic() + _END_SECONDS
        for handler, thread in self._handlers.items():
            thread.join(max(0.0, until - time.monotonic()))
            if not thread.is_alive():
                handler.link.close()
        self._queue.close()
        self._selector.close()
        self._wake.close()
