"""The container's processes, read from /proc: do they work, or are they stopped?"""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from jetson_deploy.watch.observation import Work

_TICKS = os.sysconf("SC_CLK_TCK")
_MOST = 64
"""Processes that are read."""


class Counted(msgspec.Struct, frozen=True, kw_only=True):
    """Sums over the processes that live now."""

    cpu_seconds: float = 0.0
    read_bytes: int = 0
    frozen: int = 0
    pids: frozenset[int] = frozenset()
    largest: int = 0
    """Pid of the one with the most resident memory: the model's runner, when a model is loaded."""


def count(pid: int | None, proc: Path = Path("/proc")) -> Counted | None:
    """Of the process and its descendants; None when it cannot be read."""
    if pid is None:
        return None
    found = [pid]
    seconds, read, frozen = 0.0, 0, 0
    resident: dict[int, int] = {}
    for one in found:
        try:
            fields = (proc / str(one) / "stat").read_text(errors="replace").rpartition(")")[2].split()
            found += _children(proc / str(one))[: _MOST - len(found)]
            seconds += (int(fields[11]) + int(fields[12])) / _TICKS
            frozen += fields[0] == "T"
            resident[one] = int(fields[21])
        except (OSError, ValueError, IndexError):
            if one == pid:
                return None
            continue
        read += _read_bytes(proc / str(one))
    largest = max(resident, key=lambda one: resident[one])
    return Counted(cpu_seconds=seconds, read_bytes=read, frozen=frozen, pids=frozenset(resident), largest=largest)


def context_of(counted: Counted | None, proc: Path = Path("/proc")) -> int | None:
    """Tokens that the runner was loaded for, by its command line; None: it does not say (0.6.8 to 0.9.5 do)."""
    if counted is None:
        return None
    try:
        words = (proc / str(counted.largest) / "cmdline").read_bytes().decode(errors="replace").split("\0")
        return int(words[words.index("--ctx-size") + 1]) // int(words[words.index("--parallel") + 1])
    except (OSError, ValueError, IndexError, ZeroDivisionError):
        return None


def work_between(before: Counted | None, now: Counted | None, seconds: float) -> Work:
    """A process that ended takes its time along: less than before counts as not known."""
    if now is None:
        return Work()
    lost = before is not None and before.largest not in now.pids
    if before is None or seconds <= 0 or now.cpu_seconds < before.cpu_seconds:
        return Work(frozen=now.frozen, lost=lost)
    cores = (now.cpu_seconds - before.cpu_seconds) / seconds
    return Work(frozen=now.frozen, lost=lost, cores=cores, read_bytes=max(0, now.read_bytes - before.read_bytes))


def _children(process: Path) -> list[int]:
    found: list[int] = []
    for task in (process / "task").iterdir():
        found += map(int, (task / "children").read_text().split())
    return found


def _read_bytes(process: Path) -> int:
    try:
        lines = (process / "io").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("read_bytes:")), 0)
