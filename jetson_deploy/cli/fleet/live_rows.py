"""What each device is doing, as it is known from its events: the state behind the live table. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import msgspec

from jetson_deploy.cli.fleet.cells import cell
from jetson_deploy.cli.formatting import aligned
from jetson_deploy.events import Event, Note, Progress, StepFinished, StepStarted, Verdict
from jetson_deploy.fleet.end_state import AS_WANTED, DeviceResult
from jetson_deploy.units import size_text

_RATE = re.compile(r"(\d{1,6}(?:\.\d{1,3})?) tok/s")
_PHASE = 24
_TEXT = 48
_ITEM = 200
_MOST_BYTES = 1 << 50
MOST_ITEMS = 16
"""Things being fetched at once on one device: image and model are two."""


class Row(msgspec.Struct, kw_only=True):
    """Of one device."""

    device: str
    phase: str = "waiting"
    text: str = ""
    items: dict[str, tuple[int, int | None]] = {}
    """Being fetched: bytes that are there, and of how many."""
    rate: str = ""
    changed: float = 0.0
    """Monotonic, of the last event."""
    result: DeviceResult | None = None


class Rows:
    """`names` in the order of the selection; a device that is not among them is one more row."""

    def __init__(self, names: Iterable[str]) -> None:
        self._rows = {name: Row(device=name) for name in names}

    def event(self, name: str, event: Event, now: float) -> str | None:
        """What is worth a plain line: the phase where it is a new one, a check that failed, a warning; else None."""
        row = self._row(name)
        row.changed, row.result = now, None
        if isinstance(event, Progress):
            self._progress(row, event)
            return None
        if isinstance(event, StepStarted):
            row.phase, row.text = cell(event.step, _PHASE), cell(event.text, _TEXT)
            return f"{row.phase}: {row.text}" if event.text else row.phase
        if isinstance(event, StepFinished):
            row.items = {} if event.step.startswith("stage-") else row.items
            return None
        return _told(row, event)

    def ended(self, result: DeviceResult, now: float) -> str:
        row = self._row(result.device)
        row.result, row.changed, row.items = result, now, {}
        return f"{result.state}{f': {cell(result.reason, 160)}' if result.reason else ''}"

    def _row(self, name: str) -> Row:
        return self._rows.setdefault(name, Row(device=name))

    def _progress(self, row: Row, event: Progress) -> None:
        row.phase = cell(event.phase, _PHASE)
        if event.item[:_ITEM] in row.items or len(row.items) < MOST_ITEMS:
            total = None if event.total_bytes is None else _bounded(event.total_bytes)
            row.items = {**row.items, event.item[:_ITEM]: (_bounded(event.done_bytes), total)}

    def table(self, room: int) -> list[str]:
        """At most `room` lines: those that changed last, in the order of the selection, and the sum."""
        working = [row for row in self._rows.values() if row.changed and row.result is None]
        ended = [row for row in self._rows.values() if row.result is not None]
        space = max(1, room - 2)
        shown = _latest(working, space)
        shown += _latest(ended, space - len(shown))
        chosen = {row.device for row in shown}
        listed = [row for row in self._rows.values() if row.device in chosen]
        lines = aligned([("DEVICE", "PHASE", "FETCHED", "TOK/S", ""), *map(_cells, listed)]) if listed else []
        return [*lines, self.summary()]

    def summary(self) -> str:
        """`200 devices: 12 ended (11 proven, 1 failed), 8 working, 180 waiting; 3.1 GB of 9.0 GB`."""
        rows = list(self._rows.values())
        ended = [row.result for row in rows if row.result is not None]
        working = sum(1 for row in rows if row.changed and row.result is None)
        states: dict[str, int] = {}
        for result in ended:
            states[result.state] = states.get(result.state, 0) + 1
        how = f" ({', '.join(f'{number} {state}' for state, number in states.items())})" if states else ""
        text = f"{len(rows)} devices: {len(ended)} ended{how}, {working} working"
        waiting = len(rows) - len(ended) - working
        fetched = _fetched([item for row in rows for item in row.items.values()])
        return text + (f", {waiting} waiting" if waiting else "") + (f"; {fetched}" if fetched else "")


def _bounded(count: int) -> int:
    """A device may say any number."""
    return min(max(0, count), _MOST_BYTES)


def _told(row: Row, event: Event) -> str | None:
    if isinstance(event, Verdict):
        found = _RATE.search(event.observed[:500])
        row.rate = found[1] if found else row.rate
        row.text = cell(f"{event.check}: {event.observed}", _TEXT)
        return None if event.passed is not False else f"FAIL {cell(f'{event.check}: {event.observed}', 160)}"
    if isinstance(event, Note):
        row.text = cell(event.text, _TEXT)
        return None if event.level == "info" else f"{event.level}: {cell(event.text, 160)}"
    return None


def _latest(rows: Sequence[Row], number: int) -> list[Row]:
    return sorted(rows, key=lambda row: -row.changed)[: max(0, number)]


def _cells(row: Row) -> tuple[str, ...]:
    result = row.result
    phase, text = (result.state, cell(result.reason, _TEXT)) if result else (row.phase, row.text)
    if result is not None and result.state in AS_WANTED:
        text = ""
    return cell(row.device), phase, _fetched(list(row.items.values())), row.rate, "" if text == "-" else text


def _fetched(items: Sequence[tuple[int, int | None]]) -> str:
    if not items:
        return ""
    done, totals = sum(item[0] for item in items), [item[1] for item in items]
    whole = sum(total for total in totals if total is not None)
    return f"{size_text(done)} of {size_text(whole)}" if None not in totals else size_text(done)
