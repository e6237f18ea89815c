"""A rehearsal that serves, and what a process beside it costs."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from benches.workplace import note
from jetson_deploy.events import silent
from jetson_deploy.rehearsal.board import DEFAULT_BOARD, find_board
from jetson_deploy.rehearsal.session import Session

_TICKS = os.sysconf("SC_CLK_TCK")


@contextmanager
def serving() -> Iterator[Session]:
    session = Session(DEFAULT_BOARD, find_board(DEFAULT_BOARD), f"b{os.getpid():x}")
    session.start()
    try:
        note("bringing a rehearsal up")
        session.fill(None, silent)
        done = session.run("up", "--store", str(session.store), "--accept-cpu", capture=True)
        if done.returncode != 0:
            raise SystemExit(f"up failed:\n{done.stderr}")
        yield session
    finally:
        session.stop()


def cpu_seconds(pid: int, *, children: bool = False) -> float:
    """Used so far; `children`: and by those of its children that ended."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(int(field) for field in fields[11 : 15 if children else 13]) / _TICKS


class Resident(NamedTuple):
    """MiB."""

    now: float
    highest: float


def resident(pid: int) -> Resident:
    lines = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines() if ":" in line)
    return Resident(int(lines["VmRSS"].split()[0]) / 1024, int(lines["VmHWM"].split()[0]) / 1024)
