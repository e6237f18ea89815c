"""How much room an installation takes. Standard library alone, from Python 3.8 on (`on_board.py`)."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable
from pathlib import Path

_SLACK_KIB = 20 << 10
"""The virtual environment itself, directories, blocks that are not full."""


def need_kib(wheels: Iterable[Path]) -> int:
    """Package, wheels out of it, and what is in them with its byte code."""
    paths = list(wheels)
    packed = sum(path.stat().st_size for path in paths)
    unpacked = sum(_unpacked(path) for path in paths if not path.name.startswith("pip-"))
    return (2 * packed + 2 * unpacked) // 1024 + _SLACK_KIB


def _unpacked(path: Path) -> int:
    with zipfile.ZipFile(path) as wheel:
        return sum(entry.file_size for entry in wheel.infolist())
