"""Memory of the host under a root, as the guard needs it: two small reads, every two seconds."""

from __future__ import annotations

import re
from pathlib import Path

from jetson_deploy.detect.meminfo import read_meminfo
from jetson_deploy.watch.guard import Memory

_FULL = re.compile(r"^full avg10=([0-9.]{1,7}) ", re.MULTILINE)
_KILLS = re.compile(r"^oom_kill ([0-9]{1,18})$", re.MULTILINE)


def read_memory(root: Path) -> Memory:
    stall = _FULL.search(_text(root / "proc/pressure/memory"))
    return Memory(
        available=read_meminfo(_text(root / "proc/meminfo")).get("MemAvailable"),
        stall=float(stall[1]) if stall else None,
    )


def read_oom_kills(root: Path) -> int | None:
    """How often the kernel's OOM killer chose since the boot (Linux 4.13 and later)."""
    found = _KILLS.search(_text(root / "proc/vmstat"))
    return int(found[1]) if found else None


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except (OSError, ValueError):
        return ""
