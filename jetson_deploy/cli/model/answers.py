"""What the verbs of `model` share in their answers."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from jetson_deploy.cli.render import say

if TYPE_CHECKING:
    from jetson_deploy.cli.options import CommonOptions


def advise(text: str, common: CommonOptions, word: str = "hint") -> None:
    """A line beside the answer, for people."""
    if not (common.quiet or common.as_json or common.as_events):
        say(f"{word}: {text}")


def shows_first(common: CommonOptions, dry_run: bool) -> bool:
    """Only show what would be done: asked for, or before a person's eyes and without --yes."""
    return dry_run or (sys.stdout.isatty() and not common.yes)


def count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def columns(rows: Sequence[tuple[str, ...]]) -> str:
    """Aligned; the last column is as wide as it is."""
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]) - 1)]
    lines = ["  ".join([*(cell.ljust(w) for cell, w in zip(row, widths, strict=False)), row[-1]]) for row in rows]
    return "\n".join(line.rstrip() for line in lines)
