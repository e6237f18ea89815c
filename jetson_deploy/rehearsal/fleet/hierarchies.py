"""Control groups of a board: version 2, or every hierarchy of version 1.

In each hierarchy the board gets a group of its own before its namespace is made: what its systemd and its engine take
for the roots are these, and not this machine's.
"""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path

import msgspec

ROOT = Path("/sys/fs/cgroup")
_V2 = "cgroup.controllers"


class Hierarchy(msgspec.Struct, frozen=True):
    mount: Path
    base: Path
    """The group that this process is in: what limits it shall limit the boards too."""
    option: str
    """Of its mount; empty: version 2."""


def is_v2(root: Path = ROOT) -> bool:
    return (root / _V2).exists()


def hierarchies(root: Path = ROOT, own: str | None = None) -> list[Hierarchy]:
    """`own`: the text of /proc/self/cgroup."""
    if is_v2(root):
        return [Hierarchy(root, root, "")]
    found = []
    for line in (Path("/proc/self/cgroup").read_text() if own is None else own).splitlines():
        _, names, path = line.split(":", 2)
        option = f"none,{names}" if names.startswith("name=") else names
        mount = root / (names.removeprefix("name=") or "unified")
        if mount.is_dir():
            found.append(Hierarchy(mount, mount / path.lstrip("/"), option))
    return found


def prepare(run: str) -> None:
    """The group of a run, for whose boards a group each will be made."""
    for hierarchy in hierarchies():
        group = hierarchy.base / run
        group.mkdir(exist_ok=True)
        if hierarchy.option == "cpuset":  # a new one has no processor: nothing can be put into it
            for name in ("cpuset.cpus", "cpuset.mems"):
                (group / name).write_text((hierarchy.base / name).read_text())
            (group / "cgroup.clone_children").write_text("1")


def mounts(found: list[Hierarchy]) -> str:
    """Commands that mount them on a board."""
    if len(found) == 1 and not found[0].option:
        return "umount $root/sys/fs/cgroup && mount -t cgroup2 cgroup2 $root/sys/fs/cgroup"
    kinds = {one.mount: f"cgroup -o {one.option} cgroup" if one.option else "cgroup2 cgroup2" for one in found}
    return "\n".join(f"mkdir $root{mount} && mount -t {kind} $root{mount}" for mount, kind in kinds.items())


def freeze(group: str, *, frozen: bool) -> None:
    """Every process of the board stands still, or goes on."""
    if is_v2():
        (ROOT / group / "cgroup.freeze").write_text("1" if frozen else "0")
        return
    freezer = next(one for one in hierarchies() if one.option == "freezer")
    (freezer.base / group / "freezer.state").write_text("FROZEN" if frozen else "THAWED")


def remove(run: str, root: Path = ROOT, seconds: float = 10.0) -> None:
    """Take away the groups of a run whose processes are gone, whichever process made them."""
    # os.walk: groups of other programs come and go meanwhile.
    left = [Path(path) / run for path, names, _ in os.walk(root) if run in names]
    for group in left:
        _thaw(group)
    deadline = time.monotonic() + seconds
    while left and time.monotonic() < deadline:
        for path in left:
            _remove_below(path)
        left = [path for path in left if path.exists()]
        if left:
            time.sleep(0.05)


def _thaw(group: Path) -> None:
    """Version 1 lets frozen processes live that were killed."""
    for state in (group / "freezer.state", *group.glob("*/freezer.state")):
        with contextlib.suppress(OSError):
            state.write_text("THAWED")


def _remove_below(group: Path) -> None:
    for path in sorted((p for p in group.rglob("*") if p.is_dir()), key=lambda p: -len(p.parts)):
        with contextlib.suppress(OSError):
            path.rmdir()
    with contextlib.suppress(OSError):
        group.rmdir()
