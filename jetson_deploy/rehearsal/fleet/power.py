"""Boards switched on and off, and asked whether they are up: from outside, by their processes."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from jetson_deploy.errors import PreflightError
from jetson_deploy.rehearsal.fleet import hierarchies
from jetson_deploy.rehearsal.fleet.holder import Holder
from jetson_deploy.rehearsal.fleet.layout import Place


def switch_on(holder: Holder, place: Place) -> None:
    """Returns at once."""
    with place.log.open("ab") as log:
        process = subprocess.Popen(
            [*holder.enter(), "sh", str(place.layout.memory / "supervise"), str(place.number)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    process.returncode = 0  # it is the holder's, which ends it


def switch_off(place: Place, seconds: float = 10.0) -> None:
    """As a power cut does: what is on its disk is there when it is switched on again."""
    pid = init_of(place)
    if pid is not None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + seconds
    while init_of(place) is not None and time.monotonic() < deadline:
        time.sleep(0.02)


def init_of(place: Place) -> int | None:
    """The board's first process, as this machine counts."""
    for hierarchy in hierarchies.hierarchies():
        group = hierarchy.base / place.cgroup
        for listed in (group / "init.scope", group):
            with contextlib.suppress(OSError):
                for word in (listed / "cgroup.procs").read_text().split():
                    if _is_first(int(word)):
                        return int(word)
    return None


def has_file(place: Place, path: str) -> bool:
    """On the board as it runs."""
    with contextlib.suppress(OSError):
        pid = init_of(place)
        return pid is not None and Path(f"/proc/{pid}/root/{path}").exists()
    return False


def listens(place: Place) -> bool:
    """Its sshd has its port, as its own systemd started it."""
    return has_file(place, "run/sshd.pid")


def wait(wanted: Sequence[Place], ready: Callable[[Place], bool] = listens, seconds: float = 120.0) -> None:
    """Raises PreflightError with the last words of one that is late."""
    deadline = time.monotonic() + seconds
    waiting = list(wanted)
    while waiting:
        waiting = [place for place in waiting if not ready(place)]
        if waiting and time.monotonic() > deadline:
            raise _late(waiting, len(wanted))
        time.sleep(0.05)


def _late(late: list[Place], of: int) -> PreflightError:
    lines = late[0].log.read_text(errors="replace").strip().splitlines()
    said = lines[-1][:300] if lines else "it said nothing"
    return PreflightError(
        f"{len(late)} of {of} boards did not boot; {late[0].name}: {said}",
        hint="try again when the machine is less busy; the same message again is worth a report",
        code="part-did-not-start",
    )


def _is_first(pid: int) -> bool:
    """Of the innermost PID namespace that it is in."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("NSpid:"):
            numbers = line.split()[1:]
            return len(numbers) > 2 and numbers[-1] == "1"
    return False
