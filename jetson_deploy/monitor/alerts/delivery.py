"""A sink's own thread: the loop never waits for it, and a failure to deliver is reported once."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Protocol

from jetson_deploy.monitor.alerts.messages import Message

BACK_OFF = (1.0, 5.0, 30.0)
"""Seconds before the second, third and fourth try."""
CAPACITY = 100
"""Messages that wait; when there are more, the oldest go."""
LAST_SECONDS = 5.0
"""So long the end of the monitor waits for what is still to be sent."""


class SinkError(Exception):
    """The message did not arrive; the text says why in one line, without secrets. `again`: a later try may help."""

    def __init__(self, why: str, *, again: bool = True) -> None:
        super().__init__(why)
        self.again = again


class Sink(Protocol):
    @property
    def name(self) -> str:
        """For people: without what is secret in its address."""

    def deliver(self, message: Message) -> None:
        """May take seconds, never for ever. Raises SinkError."""


class Delivery:
    """`say` gets one line when the sink begins to fail, and one when it works again."""

    def __init__(
        self,
        sink: Sink,
        say: Callable[[str], None],
        *,
        back_off: Sequence[float] = BACK_OFF,
        capacity: int = CAPACITY,
    ) -> None:
        self.lost = 0
        """Messages that did not arrive."""
        self._sink, self._say, self._back_off = sink, say, tuple(back_off)
        self._waiting: deque[Message] = deque()
        self._capacity = capacity
        self._wake = threading.Condition()
        self._ending = threading.Event()
        self._thread: threading.Thread | None = None
        self._fails = False

    def put(self, message: Message) -> None:
        """At once; the thread begins with the first message."""
        with self._wake:
            if len(self._waiting) >= self._capacity:
                self._waiting.popleft()
                self.lost += 1
            self._waiting.append(message)
            self._wake.notify()
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name=f"alerts to {self._sink.name}", daemon=True)
            self._thread.start()

    def close(self, seconds: float = LAST_SECONDS) -> None:
        """What waits gets one more try, as far as the time goes."""
        self._ending.set()
        with self._wake:
            self._wake.notify()
        if self._thread is not None:
            self._thread.join(seconds)

    def _run(self) -> None:
        while (message := self._next()) is not None:
            self._deliver(message)

    def _next(self) -> Message | None:
        with self._wake:
            while not self._waiting:
                if self._ending.is_set():
                    return None
                self._wake.wait()
            return self._waiting.popleft()

    def _deliver(self, message: Message) -> None:
        for wait in (*self._back_off, None):
            try:
                self._sink.deliver(message)
            except SinkError as error:
                if wait is None or not error.again or self._ending.is_set():
                    self._failed(str(error))
                    return
                self._ending.wait(wait)
            except Exception as bug:  # the thread must live on for the alerts behind this one
                self._failed(f"a fault of jetson-deploy: {bug!r}")
                return
            else:
                self._worked()
                return

    def _failed(self, why: str) -> None:
        self.lost += 1
        if not self._fails:
            self._fails = True
            self._say(f"alerts cannot be sent to {self._sink.name}: {why}")

    def _worked(self) -> None:
        if self._fails:
            self._fails = False
            self._say(f"alerts are sent to {self._sink.name} again; {self.lost} were lost")
