"""What boards take of this machine, said before they are made, and refused where it is not there."""

from __future__ import annotations

import shutil
from pathlib import Path

from jetson_deploy.detect.meminfo import read_meminfo
from jetson_deploy.errors import ResourceError
from jetson_deploy.store.hashing import cores
from jetson_deploy.units import size_text

MEMORY = 2 << 30
"""Bytes that a board comes to hold of this machine's memory: 1.2 GiB after `up`, 1.8 GiB after an hour."""
DISK = 512 << 20
"""Bytes that a board comes to write over the base image."""
_REGISTRY = 256 << 20
_MEMINFO = Path("/proc/meminfo")


def room_words(count: int) -> str:
    memory, disk = size_text(count * MEMORY), size_text(_disk(count))
    return f"{_boards(count)}, at most {cores()} booting at once: up to {memory} of memory and {disk} of disk"


def check_room(count: int, work: Path, meminfo: Path = _MEMINFO) -> None:
    """`work`: where their disks will lie. Raises ResourceError."""
    available = read_meminfo(meminfo.read_text()).get("MemAvailable")
    if available is not None and available < count * MEMORY:
        most, wanted = available // MEMORY, size_text(count * MEMORY)
        fewer = f"take --fleet {most}, or end" if count > 1 and most else "end"
        raise ResourceError(
            f"{_boards(count)} would hold {wanted} of memory, {size_text(available)} is available",
            hint=f"{fewer} what else holds memory here; jetson-deploy rehearse --list shows rehearsals that run",
            code="no-memory-for-boards",
        )
    free = shutil.disk_usage(work).free
    if free < _disk(count):
        raise ResourceError(
            f"the disks of {_boards(count)} would take {size_text(_disk(count))}, {work} has {size_text(free)}",
            hint=f"make room in {work}; jetson-deploy rehearse --list shows rehearsals that run",
            code="no-room-for-boards",
        )


def _disk(count: int) -> int:
    return count * DISK + _REGISTRY


def _boards(count: int) -> str:
    return "1 virtual board" if count == 1 else f"{count} virtual boards"
