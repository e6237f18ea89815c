"""Damage to files of a board's copy, undone afterwards; which fields a file feeds; and the numbers in a sample."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
from hypothesis import strategies as st

from jetson_deploy.monitor.sample import Board

FED: Sequence[tuple[str, tuple[str, ...]]] = (
    ("proc/meminfo", ("memory", "swaps")),
    ("proc/stat", ("cpus", "clocks_pinned")),
    ("proc/uptime", ("uptime_seconds",)),
    ("gpu-nvd-0", ("engines",)),
    ("bwmgr", ("emc",)),
    (r"\d\.gpu|gpu-gpc-0|gpu\.0", ("gpus", "clocks_pinned")),
    ("sys/devices/system/cpu", ("cpus", "clocks_pinned")),
    ("thermal_zone", ("zones",)),
    ("cooling_device", ("coolers", "zones")),
    ("i2c", ("rails", "power")),
    ("pwm-fan|tachometer", ("fans",)),
    ("soctherm", ("over_currents",)),
    ("nvpmodel", ("power_mode",)),
)
"""Pattern of a path (a link: of its target too) → fields of the board that may change with it; others: none."""
GARBAGE = (b"", b"\n", b"nan\n", b"inf\n", b"-\n", b"none\n", b"\0\0\0\0", b"\xff\xfe\n", b"x" * 100_000, b"\n" * 9000)
NUMBERS = (-(1 << 63), -256_000, -1, 0, 1, 999, 151_000, 1 << 31, 1 << 63, 10**30)
Damage = tuple[str, bytes | None]
"""How, and the text for `text`."""
damages: st.SearchStrategy[Damage] = st.one_of(
    st.sampled_from(("remove", "directory", "fifo")).map(lambda how: (how, None)),
    st.sampled_from(GARBAGE).map(lambda text: ("text", text)),
    st.sampled_from(NUMBERS).map(lambda number: ("text", b"%d\n" % number)),
    st.binary(max_size=80).map(lambda text: ("text", text)),
    st.integers().map(lambda number: ("text", b"%d\n" % number)),
)


def files_of(root: Path) -> list[str]:
    """Files and links, sorted."""
    found = []
    for place, directories, files in os.walk(root):
        names = files + [name for name in directories if (Path(place) / name).is_symlink()]
        found += [str((Path(place) / name).relative_to(root)) for name in names]
    return sorted(found)


def fields_fed_by(root: Path, path: str) -> set[str]:
    target = f" {(root / path).readlink()}" if (root / path).is_symlink() else ""
    return next((set(fields) for pattern, fields in FED if re.search(pattern, path + target)), set())


@contextmanager
def damaged(root: Path, all_of: Sequence[tuple[str, Damage]]) -> Iterator[None]:
    saved = [_keep(root / path) for path, _ in all_of]
    try:
        for path, damage in all_of:
            _remove(root / path)
            _apply(root / path, *damage)
        yield
    finally:
        for (path, _), (is_link, content) in zip(all_of, saved, strict=True):
            _remove(root / path)
            (root / path).symlink_to(content.decode()) if is_link else (root / path).write_bytes(content)


def numbers_in(value: Any) -> Iterator[float]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        for one in value:
            yield from numbers_in(one)
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        yield value


def numbers_of(board: Board) -> set[float]:
    return set(numbers_in(msgspec.to_builtins(board)))


def can_hold_a_number(damage: Damage) -> bool:
    return damage[1] is not None and re.search(rb"[0-9]", damage[1]) is not None


def _keep(path: Path) -> tuple[bool, bytes]:
    return (True, os.fsencode(path.readlink())) if path.is_symlink() else (False, path.read_bytes())


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _apply(path: Path, how: str, text: bytes | None) -> None:
    if how == "directory":
        path.mkdir()
    elif how == "fifo":
        os.mkfifo(path)
    elif text is not None:
        path.write_bytes(text)
