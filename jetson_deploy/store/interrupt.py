"""Interrupt a run of the store: an event set by Ctrl-C, or by the other half of staging that failed."""

from __future__ import annotations

import threading
import time

from jetson_deploy.errors import InterruptedRunError

_POLL_SECONDS = 0.1


class Ending(threading.Event):
    """Set when the caller's event is set, or by ourselves after an error; the caller's event stays as it is."""

    def __init__(self, outer: threading.Event) -> None:
        super().__init__()
        self._outer = outer

    def is_set(self) -> bool:
        return super().is_set() or self._outer.is_set()

    def wait(self, timeout: float | None = None) -> bool:
        deadline = None if timeout is None else time.monotonic() + timeout
        while not self.is_set():
            left = _POLL_SECONDS if deadline is None else min(deadline - time.monotonic(), _POLL_SECONDS)
            if left <= 0:
                return False
            super().wait(left)
        return True


def check_stop(stop: threading.Event, when: str = "while fetching a model; downloaded data is kept") -> None:
    """Raise InterruptedRunError once `stop` is set."""
    if stop.is_set():
        raise InterruptedRunError(
            f"interrupted {when}", hint="run the same command again to resume", code="interrupted"
        )
