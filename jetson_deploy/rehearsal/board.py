"""Captured boards to rehearse on: those of the checkout's tests/hosts, or the one that ships."""

from __future__ import annotations

import difflib
from pathlib import Path

from jetson_deploy.errors import UsageError
from jetson_deploy.own_copy import own_copy

DEFAULT_BOARD = "orin-nano-8gb-jp6.2"
PACKAGE = Path(__file__).resolve().parent.parent


def board_roots() -> dict[str, Path]:
    """Name → captured root."""
    places = (PACKAGE.parent / "tests" / "hosts", PACKAGE / "_data" / "rehearsal" / "boards")
    return {p.parent.name: p for place in places for p in sorted(place.glob("*/root"))}


def rehearsal_blobs() -> Path:
    """The small real layers: in the checkout's containers/rehearsal, or in the wheel."""
    checkout = PACKAGE.parent / "containers" / "rehearsal" / "blobs"
    return checkout if checkout.is_dir() else PACKAGE / "_data" / "containers" / "rehearsal" / "blobs"


def find_board(name: str) -> Path:
    """The captured root of a name, or of a directory. Raises UsageError with the nearest name."""
    roots = board_roots()
    if name in roots:
        return roots[name]
    for path in (Path(name) / "root", Path(name)):
        if (path / "etc").is_dir() or (path / "proc").is_dir():
            return path.resolve()
    near = difflib.get_close_matches(name, roots, n=1, cutoff=0.3)
    hint = f"did you mean {near[0]}? " if near else ""
    capture = own_copy().script("capture-host")
    raise UsageError(
        f"there is no captured board {name!r}",
        hint=f"{hint}jetson-deploy rehearse --list shows them; a directory made by {capture} will do too",
        code="unknown-board",
    )
