"""What a tree of files takes on a disk, and what a copy of it differs in."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import msgspec

from jetson_deploy.errors import PreflightError
from jetson_deploy.units import size_text

_SPARE = 0.05
"""Of the tree: block sizes and directories differ between filesystems."""
_LEFT_FREE = 512 * 2**20
_OWN_LABELS = "security.selinux"
"""Given by the system's policy, by place."""


class Taken(msgspec.Struct, frozen=True, kw_only=True):
    bytes: int
    inodes: int


def taken_by(path: Path) -> Taken:
    """Of a file with several names once. Raises OSError."""
    seen: set[tuple[int, int]] = set()
    total = 0
    for _, found in _entries(path):
        if (key := (found.st_dev, found.st_ino)) not in seen:
            seen.add(key)
            total += found.st_blocks * 512
    return Taken(bytes=total, inodes=len(seen))


def holds_files(path: Path) -> bool:
    """Anything but directories."""
    return any(
        files or any(Path(folder, one).is_symlink() for one in folders) for folder, folders, files in os.walk(path)
    )


def check_room(need: Taken, folder: Path, *, left_free: int = _LEFT_FREE) -> None:
    """`folder`: on the disk that is to hold it. Raises PreflightError `no-space`."""
    disk = os.statvfs(folder)
    free = disk.f_bavail * disk.f_frsize
    wanted = int(need.bytes * (1 + _SPARE)) + left_free
    if free < wanted:
        raise PreflightError(
            f"the disk at {folder} has {size_text(free)} free, and the copy takes {size_text(wanted)}",
            hint=f"free space there (df -h {folder}), also what a move kept: sudo jetson-deploy prepare --remove-old",
            code="no-space",
        )
    if disk.f_files and disk.f_favail < need.inodes:  # 0: made as they are needed
        raise PreflightError(
            f"the disk at {folder} has {disk.f_favail} inodes free, and the copy takes {need.inodes}",
            hint=f"remove small files there: df -i {folder}; or make its filesystem anew with more",
            code="no-space",
        )


def differences(one: Path, other: Path) -> Iterator[str]:
    """Each name that is in one alone, or is not the same in both: kind, mode, owner, size, time, attributes, links."""
    here, there = dict(_entries(one)), dict(_entries(other))
    for name in sorted(here.keys() ^ there.keys()):
        yield f"{name} is in {'the first' if name in here else 'the second'} alone"
    linked: dict[tuple[int, int], int] = {}
    for name, found in here.items():
        if name not in there:
            continue
        if what := _unlike(one / name, found, other / name, there[name]):
            yield f"{name}: {what}"
        if not stat.S_ISDIR(found.st_mode) and found.st_nlink > 1:
            first = linked.setdefault((found.st_dev, found.st_ino), there[name].st_ino)
            if first != there[name].st_ino:
                yield f"{name}: one file under several names became several files"


def _unlike(one: Path, a: os.stat_result, other: Path, b: os.stat_result) -> str:
    if a.st_mode != b.st_mode:
        return f"mode {a.st_mode:o}, {b.st_mode:o}"
    if (a.st_uid, a.st_gid) != (b.st_uid, b.st_gid):
        return f"owner {a.st_uid}:{a.st_gid}, {b.st_uid}:{b.st_gid}"
    if not stat.S_ISDIR(a.st_mode):
        if (a.st_size, a.st_rdev) != (b.st_size, b.st_rdev):
            return f"size {a.st_size}, {b.st_size}"
        if int(a.st_mtime) != int(b.st_mtime):  # some filesystems keep whole seconds
            return "it was changed meanwhile"
    if stat.S_ISLNK(a.st_mode) and one.readlink() != other.readlink():
        return "it points elsewhere"
    return "" if _attributes(one) == _attributes(other) else "extended attributes"


def _attributes(path: Path) -> dict[str, bytes]:
    try:
        names = os.listxattr(path, follow_symlinks=False)
        return {one: os.getxattr(path, one, follow_symlinks=False) for one in names if one != _OWN_LABELS}
    except OSError:  # a filesystem without them
        return {}


def _entries(path: Path) -> Iterator[tuple[str, os.stat_result]]:
    """Every name below, the tree's own as `.`. Raises OSError."""
    yield ".", path.lstat()
    folders = [path]
    while folders:
        folder = folders.pop()
        with os.scandir(folder) as found:
            for entry in found:
                at = entry.stat(follow_symlinks=False)
                yield os.path.relpath(entry.path, path), at
                if stat.S_ISDIR(at.st_mode):
                    folders.append(Path(entry.path))
