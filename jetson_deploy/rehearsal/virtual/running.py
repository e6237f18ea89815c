"""The process of a board. A pid alone proves nothing, it is given again: its start time and this boot go with it."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from pathlib import Path

import msgspec

FILE = "running.json"
_THREADS, _STARTED = 16, 18
"""num_threads and starttime of proc_pid_stat(5), counted behind the state."""
_BOOT = Path("/proc/sys/kernel/random/boot_id")


class Running(msgspec.Struct, frozen=True, kw_only=True):
    pid: int
    started: int
    """Field 22 of /proc/PID/stat."""
    boot: str
    at: float
    """When it was started, by this machine's monotonic clock."""

    def write(self, directory: Path) -> None:
        fresh = directory / f"{FILE}.new"
        fresh.write_bytes(msgspec.json.encode(self))
        fresh.replace(directory / FILE)


def mark(pid: int, at: float) -> Running | None:
    """None: it has ended already."""
    started = _start_time(pid)
    return None if started is None else Running(pid=pid, started=started, boot=_BOOT.read_text().strip(), at=at)


def running(directory: Path) -> Running | None:
    """The board's process, while it lives and is the very one that was started."""
    try:
        known = msgspec.json.decode((directory / FILE).read_bytes(), type=Running)
    except (OSError, msgspec.MsgspecError):
        return None
    return known if _lives(known) else None


def kill(directory: Path, number: signal.Signals, seconds: float = 30.0) -> bool:
    """Send the signal and wait for the end; False: it lives on, or there was none."""
    known = running(directory)
    if known is None:
        return False
    with contextlib.suppress(ProcessLookupError):
        os.kill(known.pid, number)
    return gone(directory, seconds)


def gone(directory: Path, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while running(directory) is not None:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def _lives(known: Running) -> bool:
    with contextlib.suppress(ChildProcessError):
        os.waitpid(known.pid, os.WNOHANG)  # takes the zombie away, should it be our child
    return known.boot == _BOOT.read_text().strip() and _start_time(known.pid) == known.started


def _start_time(pid: int) -> int | None:
    """None for one that is gone, and for a zombie. While other threads of it end, it holds its files."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    state, *fields = text.rpartition(")")[2].split()
    over = state == "X" or (state == "Z" and int(fields[_THREADS]) <= 1)
    return None if over else int(fields[_STARTED])
