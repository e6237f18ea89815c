"""SIGSTOP is asynchronous: a process of many threads may answer one more question after the signal was sent."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path


def freeze(pid: int) -> None:
    """Stop the process `pid`; returns when each of its threads stands."""
    os.kill(pid, signal.SIGSTOP)
    ends = time.monotonic() + 120
    while not all(_stands(one) for one in Path(f"/proc/{pid}/task").iterdir()):
        assert time.monotonic() < ends, f"process {pid} does not stop"
        time.sleep(0.005)


def _stands(task: Path) -> bool:
    # The state follows the name, which is in parentheses and may itself hold some.
    return (task / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] in "TZX"
