"""How a run of the store ends early: an event set by Ctrl-C, or by the other half of staging that failed."""

from __future__ import annotations

import threading

from jetson_deploy.errors import InterruptedRunError


def check_stop(stop: threading.Event, when: str = "while fetching a model; finished blobs are kept") -> None:
    """Raise InterruptedRunError once `stop` is set."""
    if stop.is_set():
        raise InterruptedRunError(f"interrupted {when}", hint="run the same command again to go on", code="interrupted")
