"""Samples received and not yet written, column by column, and the events between them."""

from __future__ import annotations

from array import array
from typing import Literal

import msgspec

from jetson_deploy.monitor.history.coding import UNKNOWN

_MOST = 3.4e38
"""What 32 bits hold."""

EventKind = Literal["alert", "count", "recorder"]


class HistoryEvent(msgspec.Struct, frozen=True, kw_only=True):
    at: int
    """Milliseconds since 1970."""
    kind: EventKind
    """`alert`: began or ended. `count`: a counter rose in the minute that begins then. `recorder`: about itself."""
    name: str
    """The alert's id; requests, throttle-events, over-current; started, simulated, ended, rebooted, clock-jump."""
    subject: str = ""
    """Zone, rail, model; the counter's label."""
    state: str = ""
    """Of an alert: firing or resolved, and its severity behind a space."""
    value: float | None = None
    """Of a count: by how much."""
    text: str = ""


class Batch:
    """Samples in the order in which they came. `columns` all have the length of `times`."""

    def __init__(self) -> None:
        self.times: array[int] = array("q")
        self.columns: dict[str, array[float]] = {}
        self.events: list[HistoryEvent] = []

    def __len__(self) -> int:
        return len(self.times)

    def add(self, at: int, values: dict[str, float]) -> None:
        """`at` in milliseconds. A series that is new begins with unknown, one that is gone goes on with it."""
        count = len(self.times)
        self.times.append(at)
        columns = self.columns
        for key, value in values.items():
            column = columns.get(key)
            if column is None:
                columns[key] = column = array("f", [UNKNOWN]) * count
            column.append(value if -_MOST < value < _MOST else UNKNOWN)
        if len(values) < len(columns):
            for key in columns.keys() - values.keys():
                columns[key].append(UNKNOWN)
