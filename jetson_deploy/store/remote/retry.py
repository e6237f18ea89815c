"""Retry a transfer, and report each retry."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from typing import TypeVar

from jetson_deploy.errors import JetsonDeployError
from jetson_deploy.events import Note, Reporter
from jetson_deploy.names import Named
from jetson_deploy.store.interrupt import check_stop
from jetson_deploy.store.remote.errors import PassingError, WrongContent, corrupt

T = TypeVar("T")

TRIES = 5
"""In a row, without a byte gained: then the way there is taken for broken."""
WRONG_TRIES = 3
"""For bytes that have another hash than promised."""
PAUSE_SECONDS = (1.0, 2.0, 4.0, 8.0)
"""After the first try, the second, …; spread by half, so that a fleet does not come back as one."""
LONGEST_PAUSE = 300.0
"""A Retry-After beyond is not waited for."""


def pause_seconds(tried: int, retry_after: float | None) -> float:
    spread = PAUSE_SECONDS[tried - 1] * random.uniform(0.5, 1.5)  # noqa: S311 - no secret depends on it
    return min(max(spread, retry_after or 0.0), LONGEST_PAUSE)


class Retry:
    """Several tries for the manifest that one model needs from one registry."""

    def __init__(
        self,
        name: Named,
        address: str,
        report: Reporter,
        stop: threading.Event,
        sleep: Callable[[float], object],
    ) -> None:
        self._name, self._address, self._report, self._stop = name, address, report, stop
        self._sleep = sleep

    def of(self, what: str, attempt: Callable[[], T]) -> T:
        """What `attempt` returns. Raises what the last try failed with, and at once what no try can heal."""
        tried = 0
        while True:
            tried += 1
            most, wait = TRIES, None
            try:
                return attempt()
            except PassingError as failure:
                error: JetsonDeployError = failure.error
                wait = failure.retry_after
            except WrongContent as wrong:
                error, most = corrupt(self._name, what, self._address, tried, str(wrong)), WRONG_TRIES
            if tried >= most:
                raise error
            self._report(Note(level="warning", text=f"{error.message}; trying again ({tried + 1} of {most})"))
            self._sleep(pause_seconds(tried, wait))
            check_stop(self._stop)
