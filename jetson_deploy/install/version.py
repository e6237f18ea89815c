"""Which of two versions of this tool is newer."""

from __future__ import annotations

import re
from typing import Literal, TypeAlias

Age: TypeAlias = Literal["older", "same", "newer", "unknown"]
_VERSION = re.compile(r"(\d{1,6}(?:\.\d{1,6}){0,4})(?:(\.dev|a|b|rc)(\d{1,6}))?(?:\+[A-Za-z0-9.]+)?")
_STAGES = {".dev": 0, "a": 1, "b": 2, "rc": 3, None: 4}


def age(theirs: str, ours: str) -> Age:
    """`theirs` beside `ours`; unknown: one of them is none of this tool's."""
    one, other = _key(theirs), _key(ours)
    if one is None or other is None:
        return "unknown"
    return "same" if one == other else "older" if one < other else "newer"


def _key(text: str) -> tuple[tuple[int, ...], int, int] | None:
    found = _VERSION.fullmatch(text)
    if found is None:
        return None
    numbers = [int(part) for part in found[1].split(".")]
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers), _STAGES[found[2]], int(found[3] or 0)
