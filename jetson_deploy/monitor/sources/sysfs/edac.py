"""ECC counters of the memory controllers, where a module has them; most have none."""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from jetson_deploy.monitor.board_parts import MemoryErrors
from jetson_deploy.monitor.sources.sysfs.files import COUNT, Files
from jetson_deploy.monitor.sources.sysfs.tree import Tree

_CONTROLLER = re.compile(r"mc[0-9]{1,3}")


class CounterFiles(msgspec.Struct, frozen=True):
    corrected: tuple[str, ...]
    """One for each controller."""
    uncorrected: tuple[str, ...]


def find_memory_errors(tree: Tree) -> CounterFiles:
    found = tree.directories("sys/devices/system/edac/mc", _CONTROLLER)
    files = [[one.file(name) for one in found] for name in ("ce_count", "ue_count")]
    corrected, uncorrected = (tuple(path for path in paths if path) for paths in files)
    return CounterFiles(corrected, uncorrected)


def read_memory_errors(found: CounterFiles, files: Files) -> tuple[MemoryErrors, ...]:
    """Of all controllers together; unknown when one cannot be read: a sum without it would seem to fall."""
    corrected, uncorrected = _sum(found.corrected, files), _sum(found.uncorrected, files)
    found_kinds = [] if corrected is None else [MemoryErrors(kind="corrected", count=corrected)]
    return (*found_kinds, *(() if uncorrected is None else (MemoryErrors(kind="uncorrected", count=uncorrected),)))


def _sum(paths: Sequence[str], files: Files) -> int | None:
    counts = [files.number(path, 0, COUNT) for path in paths]
    known = [count for count in counts if count is not None]
    return sum(known) if known and len(known) == len(counts) else None
