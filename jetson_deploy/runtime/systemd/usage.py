"""What a unit takes, from its cgroup, on v1 and v2."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping
from pathlib import Path

from jetson_deploy.runtime.port import Usage

_NANOSECONDS, _MICROSECONDS = 1_000_000_000, 1_000_000
_UNKNOWN = 1 << 63
"""systemd writes the largest number where it does not count."""


def usage_of(shown: Mapping[str, str], root: Path = Path("/sys/fs/cgroup")) -> Usage:
    text, group = shown.get("CPUUsageNSec", ""), shown.get("ControlGroup", "").lstrip("/")
    spent = int(text) if text.isascii() and text.isdigit() else _UNKNOWN
    return Usage(
        cpu_seconds=spent / _NANOSECONDS if spent < _UNKNOWN else _cpu(root, group) if group else None,
        memory_bytes=_memory(root, group) if group else None,
    )


def _cpu(root: Path, group: str) -> float | None:
    """Where systemd does not count: v2 counts each group's without a controller, also beside v1 (hybrid)."""
    for folder in (root / group, root / "unified" / group):
        with contextlib.suppress(OSError):
            found = re.search(r"^usage_usec (\d{1,18})$", (folder / "cpu.stat").read_text(), re.MULTILINE)
            return int(found[1]) / _MICROSECONDS if found else None
    return None


def _memory(root: Path, group: str) -> int | None:
    """Without the page cache that can be given back, as `docker stats` counts."""
    for folder, used, idle in (
        (root / group, "memory.current", "inactive_file"),
        (root / "memory" / group, "memory.usage_in_bytes", "total_inactive_file"),
    ):
        with contextlib.suppress(OSError, ValueError):
            whole = int((folder / used).read_text())
            found = re.search(rf"^{idle} (\d{{1,18}})$", (folder / "memory.stat").read_text(), re.MULTILINE)
            return max(0, whole - (int(found[1]) if found else 0))
    return None
