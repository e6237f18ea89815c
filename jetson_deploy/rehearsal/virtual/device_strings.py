"""What the device tree of each board of the catalog says at its root, and where that was read: `device_strings.json`.

A tree made from profiles/ would prove nothing about profiles/: each string is compared with a second source, mainline's
device trees above all, and a row says so where there is none (`second` empty).
"""

from __future__ import annotations

import difflib
from functools import cache
from pathlib import Path

import msgspec

from jetson_deploy.errors import UsageError
from jetson_deploy.names import shown

_FILE = Path(__file__).with_suffix(".json")


class DeviceStrings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    board: str
    model: str
    compatible: list[str]
    mem_total_mib: int
    second: list[str]
    """Where both were read, other than in profiles/; empty: nowhere."""
    note: str = ""


@cache
def rows() -> list[DeviceStrings]:
    return msgspec.json.decode(_FILE.read_bytes(), type=list[DeviceStrings])


def device_strings(board: str) -> DeviceStrings:
    """The first row of this board. Raises UsageError with the nearest name."""
    for row in rows():
        if row.board == board:
            return row
    near = difflib.get_close_matches(board, [row.board for row in rows()], n=1, cutoff=0.3)
    hint = f"did you mean {near[0]}? " if near else ""
    raise UsageError(
        f"there is no board {shown(board)} in the catalog",
        hint=f"{hint}the names are those of the files in profiles/boards",
        code="unknown-board",
    )
