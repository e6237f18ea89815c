"""The history → what a chart shows: panels by unit, intervals of throttling, marks. In the units people read."""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Iterable, Sequence

import msgspec

from jetson_deploy.monitor.history.batch import HistoryEvent
from jetson_deploy.monitor.history.reader import History, StatRow, Window
from jetson_deploy.monitor.history.rollup import Stat
from jetson_deploy.monitor.history.selection import rounded
from jetson_deploy.monitor.history.steps import MOST_POINTS, chosen_step, stat_rows
from jetson_deploy.monitor.metrics import metric_of

THROTTLING = "throttling"
"""The series of thermal throttling: 1 while it is active."""
USUAL = (
    *("llm_last_tokens_per_second.*.decode", "gpu_load_ratio.*", "cpu_load_mean_ratio", "power_total_watts"),
    *("temperature_celsius.*", "memory_used_bytes", "gpu_frequency_hertz.*"),
)
"""Drawn by default, as far as it was recorded."""
_GAP = 3
"""So many times the usual distance between two points is a gap: no line is drawn over it."""
_MOST_MARKS = 200

_UNITS = {
    "hertz": ("MHz", 1e6),
    "bytes": ("GiB", float(1 << 30)),
    "ratio": ("%", 0.01),
    "celsius": ("°C", 1.0),
    "watts": ("W", 1.0),
    "seconds": ("s", 1.0),
    "rpm": ("rpm", 1.0),
}
_TITLES = {
    "hertz": "Clocks",
    "bytes": "Memory and disks",
    "ratio": "Load",
    "celsius": "Temperature",
    "watts": "Power",
    "rpm": "Fan",
    "llm_last_tokens_per_second": "Tokens per second, of the last answer",
}


class Line(msgspec.Struct, frozen=True, kw_only=True):
    key: str
    label: str
    """What tells it from the other lines of its panel."""
    means: list[float | None]
    """Every sample itself, where no step adds them up."""
    lows: list[float | None] | None = None
    highs: list[float | None] | None = None


class Panel(msgspec.Struct, frozen=True, kw_only=True):
    title: str
    unit: str
    lines: list[Line]


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    at: float
    kind: str
    """alert, resolved, recorder."""
    text: str


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """Times are seconds since 1970, rising; every line has a value or None for each of `times`."""

    title: str
    since: float
    until: float
    step: int
    """Seconds that a point adds up; 0: it is a sample."""
    times: list[float]
    panels: list[Panel]
    throttled: list[tuple[float, float]]
    requests: list[tuple[float, float]]
    """(minute, how many were answered in it)."""
    marks: list[Mark]
    left_out: int = 0
    """Marks too close to be distinguished."""


def figure(
    history: History, keys: Sequence[str], window: Window, title: str, *, most_points: int = MOST_POINTS
) -> Figure:
    """Of these series, and the throttling beside them. `times` is empty when nothing was recorded in the window."""
    shown = list(dict.fromkeys(keys))
    read = [*shown, THROTTLING] if THROTTLING not in shown else shown
    step = chosen_step(history, shown, window, most_points)
    rows = sorted(_rows(history, read, window, step), key=lambda row: row.at)
    spaced = _with_gaps(rows, len(read))
    times = [row.at / 1000 for row in spaced]
    events = list(history.events(window))
    marks = [mark for event in events if (mark := _mark(event)) is not None]
    return Figure(
        title=title,
        since=(window.since or 0) / 1000 or (times[0] if times else 0),
        until=(window.until or 0) / 1000 or (times[-1] if times else 0),
        step=step,
        times=times,
        panels=_panels(shown, spaced, step),
        throttled=_throttled(rows, read.index(THROTTLING), step),
        requests=_requests(events),
        marks=marks[-_MOST_MARKS:],
        left_out=max(0, len(marks) - _MOST_MARKS),
    )


def _rows(history: History, keys: Sequence[str], window: Window, step: int) -> Iterable[StatRow]:
    if step:
        return stat_rows(history, keys, window, step)
    return (
        StatRow(row.at, tuple(None if value is None else Stat(value, value, value, 1) for value in row.values))
        for row in history.raw(keys, window)
    )


def _with_gaps(rows: Sequence[StatRow], width: int) -> list[StatRow]:
    usual = _usual_distance(rows)
    spaced: list[StatRow] = []
    for before, after in itertools.zip_longest(rows, rows[1:]):
        if spaced and before.at == spaced[-1].at:
            continue  # the clock was set back, and the same moment came again
        spaced.append(before)
        if after is not None and after.at - before.at > _GAP * usual:
            spaced.append(StatRow(before.at + round(usual), (None,) * width))
    return spaced


def _usual_distance(rows: Sequence[StatRow]) -> float:
    """Milliseconds between two points."""
    steps = [after.at - before.at for before, after in itertools.pairwise(rows) if after.at > before.at]
    return statistics.median(steps) if steps else 1000.0


def _panels(keys: Sequence[str], rows: Sequence[StatRow], step: int) -> list[Panel]:
    groups: dict[str, list[int]] = {}
    for place, key in enumerate(keys):
        groups.setdefault(_group(key), []).append(place)
    panels = []
    for group, places in groups.items():
        unit, scale = _UNITS.get(group, ("", 1.0))
        labels = _labels([keys[place] for place in places])
        lines = [
            _line(keys[place], label, [row.stats[place] for row in rows], scale, step)
            for place, label in zip(places, labels, strict=True)
        ]
        title = _TITLES.get(group) or group.replace("_", " ").capitalize()
        panels.append(Panel(title=title, unit=unit, lines=lines))
    return panels


def _group(key: str) -> str:
    """Series of one unit share a panel; those without one only with their own kind."""
    metric = metric_of(key)
    return metric.unit if metric is not None and metric.unit else key.partition(".")[0]


def _labels(keys: Sequence[str]) -> list[str]:
    """Without the metric's name where it is the same for all lines of a panel."""
    parts = [key.partition(".") for key in keys]
    if len(keys) == 1 or len({name for name, _, _ in parts}) > 1 or not all(rest for _, _, rest in parts):
        return list(keys)
    return [rest for _, _, rest in parts]


def _line(key: str, label: str, stats: Sequence[Stat | None], scale: float, step: int) -> Line:
    def column(field: str) -> list[float | None]:
        return [None if stat is None else rounded(getattr(stat, field) / scale) for stat in stats]

    if not step:
        return Line(key=key, label=label, means=column("mean"))
    return Line(key=key, label=label, means=column("mean"), lows=column("low"), highs=column("high"))


def _throttled(rows: Sequence[StatRow], place: int, step: int) -> list[tuple[float, float]]:
    """Intervals in which a sample said so; each lasts until the next sample, or as long as its step."""
    usual = step * 1000 or _usual_distance(rows)
    found: list[tuple[float, float]] = []
    for row in rows:
        stat = row.stats[place]
        if stat is None or stat.high <= 0:
            continue
        begin, end = row.at / 1000, (row.at + usual) / 1000
        if found and begin <= found[-1][1] + usual / 1000:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((begin, end))
    return found


def _requests(events: Iterable[HistoryEvent]) -> list[tuple[float, float]]:
    minutes: dict[int, float] = {}
    for event in events:
        if event.kind == "count" and event.name == "requests" and event.value:
            minutes[event.at] = minutes.get(event.at, 0.0) + event.value
    return [(at / 1000, count) for at, count in sorted(minutes.items())]


def _mark(event: HistoryEvent) -> Mark | None:
    at = event.at / 1000
    if event.kind == "alert":
        kind = "alert" if event.state.startswith("firing") else "resolved"
        words = " ".join(filter(None, [event.name, event.subject, event.state]))
        return Mark(at=at, kind=kind, text=f"{words}: {event.text}" if kind == "alert" else words)
    if event.kind == "recorder" and event.name in ("rebooted", "clock-jump"):
        return Mark(at=at, kind="recorder", text="the board rebooted" if event.name == "rebooted" else "clock was set")
    return None
