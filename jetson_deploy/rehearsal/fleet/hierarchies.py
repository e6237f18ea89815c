"""Control groups of a board: version 2, or the hierarchies of version 1 that its systemd and its engine need."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path

ROOT = Path("/sys/fs/cgroup")
_ENGINE = ("cpu", "cpuacct", "memory", "devices", "freezer", "blkio", "pids")


def is_v2(root: Path = ROOT) -> bool:
    return (root / "cgroup.controllers").exists()


def used(*, engine: bool, root: Path = ROOT) -> list[Path]:
    """Where a board's processes get a group of their own."""
    if is_v2(root):
        return [root]
    names = ["systemd", "unified", "freezer", *(_ENGINE if engine else ())]
    return [root / name for name in dict.fromkeys(names) if (root / name / "cgroup.procs").exists()]


def mounts(*, engine: bool, root: Path = ROOT) -> str:
    """Commands that mount them on a board, whose own groups are their roots there."""
    if is_v2(root):
        return "umount $root/sys/fs/cgroup && mount -t cgroup2 cgroup2 $root/sys/fs/cgroup"
    lines = [
        "mkdir $root/sys/fs/cgroup/systemd",
        "mount -t cgroup -o none,name=systemd cgroup $root/sys/fs/cgroup/systemd",
    ]
    for name in _ENGINE if engine else ():
        if (root / name).is_dir():
            lines += [
                f"mkdir $root/sys/fs/cgroup/{name}",
                f"mount -t cgroup -o {name} cgroup $root/sys/fs/cgroup/{name}",
            ]
    return "\n".join(lines)


def freeze(group: str, *, frozen: bool, root: Path = ROOT) -> None:
    """Every process of the board stands still, or goes on."""
    if is_v2(root):
        (root / group / "cgroup.freeze").write_text("1" if frozen else "0")
    else:
        (root / "freezer" / group / "freezer.state").write_text("FROZEN" if frozen else "THAWED")


def remove(group: str, root: Path = ROOT, seconds: float = 10.0) -> None:
    """Take away the groups of a run whose processes are gone."""
    left = [path / group for path in (root, *root.glob("*/")) if (path / group).is_dir()]
    deadline = time.monotonic() + seconds
    while left and time.monotonic() < deadline:
        for path in left:
            _remove_below(path)
        left = [path for path in left if path.exists()]
        if left:
            time.sleep(0.05)


def _remove_below(group: Path) -> None:
    for path in sorted((p for p in group.rglob("*") if p.is_dir()), key=lambda p: -len(p.parts)):
        with contextlib.suppress(OSError):
            path.rmdir()
    with contextlib.suppress(OSError):
        group.rmdir()
