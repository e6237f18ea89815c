"""Copies of the captured boards to change, and the sysfs source over them."""

from __future__ import annotations

import functools
import os
from pathlib import Path
from typing import NamedTuple

from jetson_deploy.monitor.sample import Board
from jetson_deploy.monitor.sources.source import SourceError
from jetson_deploy.monitor.sources.sysfs import SysfsSource

BOARDS = Path(__file__).parent / "boards"
ORIN, ORIN_15W = "orin-nano-super-r36.5", "orin-nano-r39.2-15w"
THOR, NANO = "agx-thor-r38.4", "nano-r32"
NAMES = (ORIN, ORIN_15W, THOR, NANO)
GPU = "sys/devices/platform/bus@0/17000000.gpu"
INA = "sys/devices/platform/bus@0/c240000.i2c/i2c-1/1-0040/hwmon/hwmon1"
THERMAL = "sys/devices/virtual/thermal"


class Image(NamedTuple):
    directories: list[str]
    files: dict[str, bytes]
    links: dict[str, str]


@functools.cache
def image(name: str) -> Image:
    """A board in memory: many copies are made of it."""
    found = Image([], {}, {})
    for place, directories, files in os.walk(BOARDS / name):
        here = Path(place).relative_to(BOARDS / name)
        found.directories.append("" if here == Path() else str(here))
        for entry in (*files, *directories):
            path = str(here / entry)
            if (BOARDS / name / path).is_symlink():
                found.links[path] = str((BOARDS / name / path).readlink())
            elif entry in files:
                found.files[path] = (BOARDS / name / path).read_bytes()
    return found


def copied(name: str, to: Path) -> Path:
    """Links stay links."""
    root, board = str(to / name), image(name)
    for path in board.directories:
        os.mkdir(f"{root}/{path}")  # noqa: PTH102 - thrice as fast, and hundreds of them
    for path, data in board.files.items():
        descriptor = os.open(f"{root}/{path}", os.O_WRONLY | os.O_CREAT, 0o644)
        os.write(descriptor, data)
        os.close(descriptor)
    for path, target in board.links.items():
        os.symlink(target, f"{root}/{path}")  # noqa: PTH211
    return Path(root)


def put(root: Path, path: str, text: str | bytes) -> Path:
    """The file, written; its directories, where they are missing, made."""
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    return file


def look(root: Path) -> Board:
    return SysfsSource(root, None).read()


def look_or_nothing(root: Path) -> Board:
    """An empty board where there is nothing to read at all."""
    try:
        return look(root)
    except SourceError:
        return Board()


class Time:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now
