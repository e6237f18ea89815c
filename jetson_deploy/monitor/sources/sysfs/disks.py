"""Space on the disks that fill up. Network filesystems are never asked: with a server that is gone they hang."""

# Paths are text here: they are walked part by part, before anything is asked of a filesystem that may hang.
# ruff: noqa: PTH115, PTH118

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, cast, get_args

import msgspec

from jetson_deploy.detect.medium import NETWORK
from jetson_deploy.detect.mounts import MOUNTS_LIMIT, unescape
from jetson_deploy.monitor.board_parts import Disk
from jetson_deploy.monitor.sources.sysfs.files import Files

Role = Literal["root", "store", "engine"]
_ROLES = get_args(Role)
_MOUNTS = Path("/proc/mounts")
_LINKS = 40


class Place(msgspec.Struct, frozen=True):
    role: Role
    path: str
    mount: str


def find_disks(places: Mapping[str, Path], mounts: Path = _MOUNTS) -> tuple[Place, ...]:
    """Places that exist and can be asked; of two on one mount both, each in its role."""
    kinds = parse_mounts(_text(mounts))
    found = []
    for role, path in places.items():
        real = _real(str(path), kinds) if role in _ROLES else None
        if real is not None:
            found.append(Place(cast(Role, role), real, mount_of(real, kinds)))
    return tuple(found)


def read_disks(found: tuple[Place, ...], files: Files) -> tuple[Disk, ...]:
    return tuple(_disk(one, files) for one in found)


def parse_mounts(text: str) -> dict[str, str]:
    """Mount point → filesystem; of several on one point the last counts, as in the kernel."""
    lines = (line.split() for line in text.splitlines())
    return {unescape(f[1]): f[2] for f in lines if len(f) >= 4 and f[1][:1] == "/"}


def mount_of(path: str, kinds: Mapping[str, str]) -> str:
    above = [m for m in kinds if path == m or path.startswith(m.rstrip("/") + "/")]
    return max(above, key=len, default="/")


def _disk(one: Place, files: Files) -> Disk:
    try:
        answer = os.statvfs(one.path)
    except OSError:
        files.vanished = True
        return Disk(mount=one.mount, role=one.role)
    return Disk(
        mount=one.mount,
        role=one.role,
        total_bytes=answer.f_blocks * answer.f_frsize,
        free_bytes=answer.f_bavail * answer.f_frsize,
        read_only=bool(answer.f_flag & os.ST_RDONLY),
    )


def _real(path: str, kinds: Mapping[str, str]) -> str | None:
    """Without links, followed part by part so that no part of a path that may hang is touched; None: not there."""
    pending, done, links = [p for p in reversed(path.split("/")) if p], "/", 0
    try:
        while pending:
            here = os.path.normpath(os.path.join(done, pending.pop()))
            if _may_hang(kinds.get(mount_of(here, kinds), "")):
                return None
            if not _is_link(here):
                done = here
                continue
            links += 1
            if links > _LINKS:
                return None
            target = os.readlink(here)
            done = "/" if target.startswith("/") else done
            pending.extend(p for p in reversed(target.split("/")) if p)
    except (OSError, ValueError):
        return None
    return done


def _is_link(path: str) -> bool:
    return stat.S_ISLNK(os.lstat(path).st_mode)


def _may_hang(filesystem: str) -> bool:
    return filesystem in NETWORK or filesystem == "autofs" or filesystem.startswith("fuse.")


def _text(mounts: Path) -> str:
    try:
        with mounts.open("rb") as file:
            return file.read(MOUNTS_LIMIT).decode("utf-8", errors="replace")
    except OSError:
        return ""
