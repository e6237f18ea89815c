"""Shared parts of the answers of `model`'s commands."""

from __future__ import annotations

import sys
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
