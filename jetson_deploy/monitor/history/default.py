"""The default path of the history, and its retention."""

from __future__ import annotations

from pathlib import Path

import msgspec

from jetson_deploy.settings import Settings

MIB = 1 << 20
LEAST_BYTES = 16 * MIB
"""Below it, the write-ahead log would be a large part of it."""


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    raw_days: float = 7
    minute_days: float = 90
    """1-minute minimum, mean and maximum, and events."""
    most_bytes: int = 512 * MIB
    """All files together; the oldest raw samples go first."""


def default_path(settings: Settings) -> Path:
    return settings.state_dir / "monitor" / "history.sqlite3"
