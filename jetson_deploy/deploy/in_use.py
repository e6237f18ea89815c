"""Is the deployment in use? By its server's log, which tells requests that ended, and by its work while one goes on.

What cannot be seen is said and keeps no change from being made: no device would ever be reached otherwise.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timezone

import msgspec

from jetson_deploy.deployment.instance import Instance
from jetson_deploy.errors import JetsonDeployError, LockedError
from jetson_deploy.events import Note, Reporter
from jetson_deploy.runtime.port import Runtime
from jetson_deploy.server.port import Server, Servers

IN_USE = "in-use"
LOG_LINES = 4000
WORK_SECONDS = 1.0
BUSY_CORES = 0.1
"""An idle server uses none, one that answers more than half a core (measured)."""
_STAMP = 19
"""Characters of a time stamp down to its seconds."""


class Clocks(msgspec.Struct, frozen=True, kw_only=True):
    """`now`: the clock that the engine stamps lines by."""

    now: Callable[[], float] = time.time
    elapsed: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


def check_idle(
    runtime: Runtime,
    servers: Servers,
    serving: Instance | None,
    seconds: float,
    report: Reporter,
    clocks: Clocks = Clocks(),  # noqa: B008 - frozen
) -> None:
    """Raises LockedError `in-use`: a request goes on, or the last one ended less than `seconds` ago."""
    if serving is None:
        return
    try:
        found = runtime.inspect(serving.container)
        if found is None or found.state != "running":
            return
        used = _last_use(runtime.stamped_logs(serving.container, LOG_LINES), servers(serving.record.server))
        cores = _cores(runtime, serving.container, clocks)
    except JetsonDeployError as error:
        report(_unseen(error.message))
        return
    if used is not None and (age := clocks.now() - used) < seconds:
        raise _refusal(f"its last request ended {max(0.0, age):.0f} s ago")
    if cores is None:
        report(_unseen("the engine does not count its work, so a request that goes on is not seen"))
    elif cores >= BUSY_CORES:
        raise _refusal(f"it is at work now ({cores:.1f} cores)")


def _last_use(lines: list[str], server: Server) -> float | None:
    """Seconds since 1970. None: the log tells of none."""
    for line in reversed(lines):
        stamp, _, text = line.partition(" ")
        if server.tells_use(text):
            return _seconds(stamp)
    return None


def _seconds(stamp: str) -> float | None:
    try:
        return datetime.fromisoformat(stamp[:_STAMP]).replace(tzinfo=timezone.utc).timestamp()
    except ValueError:
        return None


def _cores(runtime: Runtime, container: str, clocks: Clocks) -> float | None:
    """What it computes with. None: not counted."""
    before, since = runtime.usage(container), clocks.elapsed()
    if before is None or before.cpu_seconds is None:
        return None
    clocks.sleep(WORK_SECONDS)
    after = runtime.usage(container)
    if after is None or after.cpu_seconds is None:
        return None
    return max(0.0, after.cpu_seconds - before.cpu_seconds) / max(clocks.elapsed() - since, WORK_SECONDS / 2)


def _unseen(why: str) -> Note:
    return Note(level="warning", text=f"whether the deployment is in use is not known, going on: {why}")


def _refusal(why: str) -> LockedError:
    return LockedError(
        f"the deployment is in use: {why}; nothing was changed",
        hint="run it again later, with a shorter --when-idle, or without it",
        code=IN_USE,
    )
