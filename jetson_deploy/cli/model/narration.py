"""Shared parts of the answers of `model`'s commands."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING

from jetson_deploy.cli.render import say
from jetson_deploy.units import size_text

if TYPE_CHECKING:
    from jetson_deploy.cli.options import CommonOptions
    from jetson_deploy.store.maintenance.unneeded import Item


def advise(text: str, common: CommonOptions, word: str = "hint") -> None:
    """A line beside the answer, for people."""
    if not (common.quiet or common.as_json or common.as_events):
        say(f"{word}: {text}")


def shows_first(common: CommonOptions, dry_run: bool) -> bool:
    """Only show what would be done: asked for, or before a person's eyes and without --yes."""
    return dry_run or (sys.stdout.isatty() and not common.yes)


def count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def item_lines(removed: Iterable[Item], kept: Iterable[Item]) -> list[str]:
    """A line for each file that is or would be removed, then for each that was spared."""
    lines = [f"{item.path}: {size_text(item.size_bytes)}, {item.why}" for item in removed]
    return lines + [f"kept: {item.path}: {size_text(item.size_bytes)}, {item.why}" for item in kept]
