"""Listeners of a monitor that runs by itself: the sinks of its alerts, and the history."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jetson_deploy.monitor.history.recorder import Recorder
    from jetson_deploy.monitor.monitor import Listener
    from jetson_deploy.settings import Settings

Say = Callable[[str], None]


def alert_sinks(specs: Sequence[str], say: Say, closing: contextlib.ExitStack) -> list[Listener]:
    """Raises UsageError `bad-sink`."""
    if not specs:
        return []  # who has none pays for none
    from jetson_deploy.monitor.alerts.sinks import open_sinks

    sinks = open_sinks(specs, say)
    closing.callback(sinks.close)
    return [sinks]


def recorder(settings: Settings, db: Path | None, most: str, say: Say, closing: contextlib.ExitStack) -> Recorder:
    """`most`: size of the history, as text. Raises as `parse_size` and `Recorder` do."""
    from jetson_deploy.monitor.history.default import LEAST_BYTES, Kept, default_path
    from jetson_deploy.monitor.history.recorder import Recorder
    from jetson_deploy.monitor.history.selection import parse_size

    kept = Kept(most_bytes=parse_size(most, LEAST_BYTES))
    found = Recorder(db or default_path(settings), kept=kept, say=say)
    closing.callback(found.close)
    return found
