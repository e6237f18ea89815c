"""Hooks around each step: its events, and the points at which the tests kill the run.

`JETSON_DEPLOY_CRASH_AT=up:7:before` ends this process by SIGKILL before the side effect of the seventh step of
`up`, `…:after` right after it. Every step passes here, so a new step is tested the day it is written
(tests/faults reads the steps from `plan --json`).
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from typing import Literal

import msgspec

from jetson_deploy.events import Reporter, StepFinished, StepStarted

Side = Literal["before", "after"]


class StepHooks(msgspec.Struct, frozen=True, kw_only=True):
    run: str
    """`up`, `rollback`, `recover`, or `undo` for what a failed cutover does itself."""
    crash_at: str | None
    report: Reporter

    @contextlib.contextmanager
    def around(self, number: int, kind: str, text: str) -> Iterator[None]:
        """`number`: place of the step in its list, from 1. StepFinished comes when the block raised nothing."""
        started = time.monotonic()
        self.report(StepStarted(step=kind, text=text))
        self._crash(number, "before")
        yield
        self._crash(number, "after")
        seconds = round(time.monotonic() - started, 2)
        self.report(StepFinished(step=kind, text=text, seconds=seconds))

    def _crash(self, number: int, side: Side) -> None:
        if self.crash_at == f"{self.run}:{number}:{side}":
            os.kill(os.getpid(), signal.SIGKILL)
