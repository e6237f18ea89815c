"""hwmon devices by name: their numbers change with every boot."""

from __future__ import annotations

import re

import msgspec

from jetson_deploy.monitor.sources.sysfs.tree import Directory, Tree

_HWMONS = "sys/class/hwmon"
_HWMON = re.compile(r"hwmon[0-9]{1,4}")


class Hwmon(msgspec.Struct, frozen=True):
    name: str
    directory: Directory


def find_hwmons(tree: Tree) -> tuple[Hwmon, ...]:
    """Ordered by the device that they belong to, which unlike their number stays the same."""
    found = []
    for directory in tree.directories(_HWMONS, _HWMON):
        name = tree.word(directory.file("name"))
        if name:
            found.append(Hwmon(name, directory))
    return tuple(sorted(found, key=lambda one: (one.directory.path.rpartition("/hwmon/")[0], one.directory.path)))
