"""Whole screens as data, in tests/cli/screens: after a change of a text, REDRAW=1 and look at what `git diff` shows."""

from __future__ import annotations

import os
from pathlib import Path

SCREENS = Path(__file__).parents[1] / "cli" / "screens"


def as_drawn(name: str, shown: str) -> bool:
    """Whether the screen is as it was when it was looked at. Rewrites the file first with REDRAW=1."""
    file = SCREENS / f"{name}.txt"
    if os.environ.get("REDRAW"):
        file.parent.mkdir(exist_ok=True)
        file.write_text(shown, encoding="utf-8")
    assert file.is_file(), f"{file} is missing: REDRAW=1 draws it"
    assert shown == file.read_text(encoding="utf-8")
    return True


def drawn(folder: str) -> set[str]:
    """Names of the screens in a folder."""
    return {file.stem for file in (SCREENS / folder).glob("*.txt")}
