"""How often a transfer is tried, and what is said meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

from jetson_deploy.errors import JetsonDeployError
from jetson_deploy.events import Note, Reporter
from jetson_deploy.names import ModelName
from jetson_deploy.store.interrupt import check_stop
from jetson_deploy.store.trouble import PassingTrouble, WrongContent, corrupt

T = TypeVar("T")

TRIES = 3
PAUSE_SECONDS = (1.0, 4.0)
"""After the first and the second try."""


class Retry:
    """Three tries for everything that one model needs from one registry."""

    def __init__(
        self,
        name: ModelName,
        address: str,
        report: Reporter,
        stop: threading.Event,
        sleep: Callable[[float], object] | None,
    ) -> None:
        self._name, self._address, self._report, self._stop = name, address, report, stop
        # Waiting on the event ends with it: Ctrl-C does not wait for the pause.
        self._sleep = sleep or stop.wait

    def of(self, what: str, attempt: Callable[[], T]) -> T:
        """What `attempt` returns. Raises what the last try failed with, and at once what no try can heal."""
        tried = 0
        while True:
            tried += 1
            try:
                return attempt()
            except PassingTrouble as trouble:
                error: JetsonDeployError = trouble.error
            except WrongContent as wrong:
                error = corrupt(self._name, what, self._address, tried, str(wrong))
            if tried == TRIES:
                raise error
            self._report(Note(level="warning", text=f"{error.message}; trying again ({tried + 1} of {TRIES})"))
            self._sleep(PAUSE_SECONDS[tried - 1])
            check_stop(self._stop)
