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
from jetson_deploy.store.serve.answers import Answers
from jetson_deploy.store.serve.conversation import Conversation
from jetson_deploy.store.serve.door import WAIT_SECONDS, Door
from jetson_deploy.store.serve.served import ServedStore
from jetson_deploy.store.serve.tally import Tally

_LOOK_SECONDS = 0.1
"""At most between two looks at `stop`, and at those who wait or leave."""
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
        self._talks: dict[Conversation, threading.Thread] = {}
        self._ended: deque[Conversation] = deque()
        self._selector = selectors.DefaultSelector()
        self._door = Door(self._selector, bounds.wait_seconds)
        self._wake = Wake()

    def run(self) -> None:
        """Until the end; then nothing is left open."""
        self._listener.setblocking(False)
        self._selector.register(self._listener, selectors.EVENT_READ, self._accept)
        self._selector.register(self._wake.ears, selectors.EVENT_READ, lambda _: self._wake.hear())
        try:
            while not self._stop.is_set():
                self._look()
        finally:
            self._end()

    def _look(self) -> None:
        for key, _ in self._selector.select(_LOOK_SECONDS):
            key.data(key.fileobj)
        while self._ended:
            self._part(self._ended.popleft())
        while self._door.somebody_waits and len(self._talks) < self._bounds.connections:
            self._talk(*self._door.next())
        if self._door.somebody_waits:
            self._make_room()
        for _ in range(self._door.tidy()):
            self._refused()

    def _accept(self, listener: socket.socket) -> None:
        newcomer = accepted(listener, pause_seconds=_LOOK_SECONDS)
        if newcomer is None:
            return
        link, address = newcomer
        self._tally.client(address)
        if not self._door.wait(link, address):
            self._refused()

    def _refused(self) -> None:
        self._tally.refuse(f"all {self._bounds.connections} are in use (--connections)")

    def _talk(self, link: socket.socket, address: str) -> None:
        patience = self._bounds.patience_seconds
        conversation = Conversation(link, address, self._answers, self._rate, self._tally, patience)
        thread = threading.Thread(target=self._run, args=(conversation,), name=f"serve {address}", daemon=True)
        try:
            thread.start()
        except RuntimeError as error:  # the limit of this user, or of this container
            self._door.refuse(link)
            self._tally.refuse(str(error))
        else:
            self._talks[conversation] = thread

    def _run(self, conversation: Conversation) -> None:
        try:
            conversation.run()
        except Exception as bug:
            # One request must not end the service for the others.
            what = f"{type(bug).__name__}: {str(bug)[:200]}"
            self._tally.warn("bug", f"a request of {conversation.address} failed, which is a bug: {what}")
        finally:
            self._ended.append(conversation)
            self._wake.call()

    def _part(self, conversation: Conversation) -> None:
        del self._talks[conversation]
        self._door.see_off(conversation.link)

    def _make_room(self) -> None:
        idle = longest_idle({talk: since for talk in self._talks if (since := talk.idle_since) is not None})
        if idle is not None:
            idle.hang_up()

    def _end(self) -> None:
        self._stop.set()
        self._listener.close()
        for conversation in self._talks:
            conversation.hang_up()
        until = time.monotonic() + _END_SECONDS
        for conversation, thread in self._talks.items():
            thread.join(max(0.0, until - time.monotonic()))
            if not thread.is_alive():
                conversation.link.close()
        self._door.close()
        self._selector.close()
        self._wake.close()
