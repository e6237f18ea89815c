"""Looking for files below the root, once: links are followed here and never lead out of a captured root."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from jetson_deploy.detect.host import Host
from jetson_deploy.monitor.sources.sysfs.files import Files

_NUMBERS = re.compile(r"([0-9]{1,9})")
MOST = 256
"""Entries of one directory that are looked at: no board has as many sensors."""


class Directory(msgspec.Struct, frozen=True):
    path: str
    """On this machine, without links in it."""
    names: frozenset[str]

    def file(self, *names: str) -> str | None:
        """Path of the first of these that is there."""
        return next((f"{self.path}/{name}" for name in names if name in self.names), None)


class Tree:
    def __init__(self, root: Path) -> None:
        self.host = Host(root)
        self.files = Files()

    def place(self, path: str) -> str | None:
        """Where a file below the root lies on this machine; None: it is not there."""
        real = self.host.real(path)
        if real is None or not self.host.exists(path):
            return None
        return f"{self.host.root if self.host.captured else ''}/{real}"

    def relative(self, place: str) -> str:
        """`place`, turned round."""
        return place[len(str(self.host.root)) if self.host.captured else 0 :].lstrip("/")

    def directory(self, path: str) -> Directory | None:
        place = self.place(path)
        if place is None:
            return None
        try:
            return Directory(place, frozenset(os.listdir(place)))  # noqa: PTH208 - text paths, as in detect/host.py
        except OSError:
            return None

    def names(self, path: str, pattern: re.Pattern[str]) -> list[str]:
        """Names in a directory that match as a whole; `hwmon10` after `hwmon9`."""
        found = [name for name in self.host.names(path) if pattern.fullmatch(name)]
        return sorted(found, key=_natural)[:MOST]

    def directories(self, path: str, pattern: re.Pattern[str]) -> list[Directory]:
        found = (self.directory(f"{path}/{name}") for name in self.names(path, pattern))
        return [one for one in found if one is not None]

    def word(self, path: str | None) -> str | None:
        return self.files.word(path)


def distinct(names: Iterable[str]) -> Sequence[str]:
    """Two devices of one name are two series: the second `x` becomes `x-2`."""
    seen: dict[str, int] = {}
    found = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        found.append(name if seen[name] == 1 else f"{name}-{seen[name]}")
    return found


def _natural(name: str) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdigit() else (-1, part) for part in _NUMBERS.split(name)]
