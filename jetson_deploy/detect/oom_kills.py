"""How often the kernel's OOM killer chose a process of a container, by the counter of its cgroup."""

from __future__ import annotations

import re
from pathlib import Path

_MEMORY = re.compile(r"^\d+:(?P<kind>(?:[\w,=]*\bmemory\b[\w,=]*)?):(?P<path>/\S*)$", re.MULTILINE)
_COUNT = re.compile(r"^oom_kill (\d{1,18})$", re.MULTILINE)


def container_oom_kills(root: Path, pid: int | None, container: str) -> int | None:
    """Since the container's start. None: not known (it has ended, another host's, an old kernel).

    `pid`: of its first process; `container`: its id, which must stand in the cgroup's name.
    """
    if pid is None or not container:
        return None
    for found in _MEMORY.finditer(_text(root / f"proc/{pid}/cgroup")):
        if container not in found["path"]:
            continue
        below = "memory/" if found["kind"] else ""
        name = "memory.oom_control" if found["kind"] else "memory.events"
        count = _COUNT.search(_text(root / f"sys/fs/cgroup/{below}{found['path'].lstrip('/')}/{name}"))
        if count is not None:
            return int(count[1])
    return None


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except (OSError, ValueError):
        return ""
