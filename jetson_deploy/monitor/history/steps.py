"""Choose the step of a window: every sample, minutes, or longer steps, so that a chart of months stays readable."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from jetson_deploy.monitor.history.clock import MINUTE
from jetson_deploy.monitor.history.reader import EVERYTHING, History, SeriesSpan, StatRow, Window
from jetson_deploy.monitor.history.rollup import Stat

MOST_POINTS = 5000
_STEPS = (60, 300, 900, 3600, 6 * 3600, 24 * 3600)


def chosen_step(history: History, keys: Sequence[str], window: Window = EVERYTHING, most: int = MOST_POINTS) -> int:
    """Seconds; 0: every sample. Every sample only where all of the window still has them."""
    spans = [span for span in history.spans() if span.key in keys]
    if not spans:
        return 0
    first = max(min(span.first for span in spans), window.since or 0)
    last = max(first, min(max(span.last for span in spans), window.until or max(span.last for span in spans)))
    raw = history.raw_count(window)
    if 0 < raw <= most and _has_raw(spans, first):
        return 0
    return next((step for step in _STEPS if (last - first) / 1000 / step <= most), _STEPS[-1])


def asked_step(history: History, keys: Sequence[str], window: Window, word: str) -> int:
    """`word`: raw, 1m, or auto, which chooses. Seconds, as `chosen_step`."""
    asked = {"raw": 0, "1m": 60}.get(word)
    return chosen_step(history, keys, window) if asked is None else asked


def _has_raw(spans: Iterable[SeriesSpan], first: int) -> bool:
    return all(span.raw_first is not None and span.raw_first <= max(first, span.first) + MINUTE for span in spans)


def stat_rows(history: History, keys: Sequence[str], window: Window, step: int) -> Iterator[StatRow]:
    """Minimum, mean and maximum for every `step` seconds (whole minutes), in the order of recording."""
    if step <= MINUTE // 1000:
        yield from history.minutes(keys, window)
        return
    width = step * 1000
    at, sums = None, list[Stat | None]()
    for row in history.minutes(keys, window):
        begin = row.at // width * width
        if at is not None and begin != at:
            yield StatRow(at, tuple(sums))
            at = None
        same = at is not None
        sums = [merged(one, other) for one, other in zip(sums, row.stats, strict=True)] if same else list(row.stats)
        at = begin
    if at is not None:
        yield StatRow(at, tuple(sums))


def merged(one: Stat | None, other: Stat | None) -> Stat | None:
    if one is None or other is None:
        return one or other
    count = one.count + other.count
    mean = (one.mean * one.count + other.mean * other.count) / count
    return Stat(min(one.low, other.low), mean, max(one.high, other.high), count)
