"""The monitor's loop in a thread of its own, beside one that draws."""

from __future__ import annotations

import queue
import threading
from typing import Literal

from jetson_deploy.monitor.monitor import Latest, Monitor

_PATIENCE = 2.0
"""Seconds: a read of the hardware that hangs must not hold up the end."""


class Key(str):
    """One that was typed."""

    __slots__ = ()


Happened = Latest | Key | BaseException | Literal["resized", "suspended"]
Happenings = queue.SimpleQueue[Happened]
"""`put` may be called from a signal's handler."""


class Heard:
    """A listener: hands each sample on to the thread that draws."""

    def __init__(self, happenings: Happenings) -> None:
        self._happenings = happenings

    def receive(self, latest: Latest) -> None:
        self._happenings.put(latest)


class Sampling:
    """An error of the loop comes to the thread that draws, as something that happened."""

    def __init__(self, monitor: Monitor, happenings: Happenings) -> None:
        self._monitor, self._happenings = monitor, happenings
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Once more, it begins anew, as soon as a read that is under way has ended."""
        self._stop.set()
        before, self._stop = self._thread, threading.Event()
        self._thread = threading.Thread(target=self._run, args=(self._stop, before), name="samples", daemon=True)
        self._thread.start()

    def stop(self) -> bool:
        """False: it hangs in a read."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(_PATIENCE)
        return self._thread is None or not self._thread.is_alive()

    def _run(self, stop: threading.Event, before: threading.Thread | None) -> None:
        try:
            if before is not None:
                before.join()
            self._monitor.run(stop)
        except BaseException as error:
            self._happenings.put(error)
