"""Answers of `monitor history` that add something up: the document, and a line for each series."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from jetson_deploy.cli.formatting import table, when
from jetson_deploy.monitor.history.export import raw_document, stat_document, stats_document
from jetson_deploy.monitor.history.rollup import Stat
from jetson_deploy.monitor.history.selection import rfc3339, rounded
from jetson_deploy.monitor.history.steps import asked_step, merged, stat_rows
from jetson_deploy.monitor.metrics import metric_of

if TYPE_CHECKING:
    from jetson_deploy.monitor.history.reader import History, SeriesSpan, StatRow, Window

SCHEMA = "jetson-deploy.monitor-history/1"


def document(history: History, keys: Sequence[str], window: Window, step: str) -> dict[str, Any]:
    """With `keys` their rows too."""
    samples, minutes, events = history.totals()
    spans = [span for span in history.spans() if not keys or span.key in keys]
    found: dict[str, Any] = {
        "schema": SCHEMA,
        "file": str(history.path),
        "bytes": history.size(),
        "samples": samples,
        "minutes": minutes,
        "events": events,
        "series": [_span_document(span) for span in spans],
    }
    if keys:
        seconds = asked_step(history, keys, window, step)
        found["step_seconds"] = seconds or None
        found["rows"] = (
            [stats_document(keys, row, seconds) for row in stat_rows(history, keys, window, seconds)]
            if seconds
            else [raw_document(keys, row) for row in history.raw(keys, window)]
        )
        found["statistics"] = {
            key: stat_document(stat) if stat else None
            for key, (stat, _, _) in _statistics(history, keys, window).items()
        }
    return found


def extremes(history: History, keys: Sequence[str], window: Window) -> str:
    """One line for each series."""
    rows = [("SERIES", "UNIT", "MIN", "MEAN", "MAX", "SAMPLES", "FIRST MINUTE", "LAST MINUTE")]
    for key, (stat, first, last) in _statistics(history, keys, window).items():
        metric = metric_of(key)
        unit = (metric.unit if metric else "") or "-"
        if stat is None:
            rows.append((key, unit, "-", "-", "-", "0", "-", "-"))
            continue
        numbers = (_short(stat.low), _short(stat.mean), _short(stat.high), str(stat.count))
        rows.append((key, unit, *numbers, when(rfc3339(first)), when(rfc3339(last))))
    return table(rows)


def _statistics(history: History, keys: Sequence[str], window: Window) -> dict[str, tuple[Stat | None, int, int]]:
    """Of all minutes in the window: (statistics, first minute, last minute)."""
    return _added(keys, history.minutes(keys, window))


def _added(keys: Sequence[str], rows: Iterable[StatRow]) -> dict[str, tuple[Stat | None, int, int]]:
    found: dict[str, tuple[Stat | None, int, int]] = dict.fromkeys(keys, (None, 0, 0))
    for row in rows:
        for key, stat in zip(keys, row.stats, strict=True):
            if stat is not None:
                before, first, last = found[key]
                times = (row.at, row.at) if before is None else (min(first, row.at), max(last, row.at))
                found[key] = (merged(before, stat), *times)
    return found


def _span_document(span: SeriesSpan) -> dict[str, Any]:
    metric = metric_of(span.key)
    return {
        "key": span.key,
        "unit": metric.unit if metric else None,
        "since": rfc3339(span.first),
        "until": rfc3339(span.last),
        "samples": span.samples,
        "minutes": span.minutes,
    }


def _short(value: float) -> str:
    """Four digits; large numbers whole."""
    return f"{rounded(value):.0f}" if abs(value) >= 10_000 else f"{value:.4g}"
