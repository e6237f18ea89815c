"""The samples that signals look back on, and how counters and means are taken from them.

All durations are of `Sample.monotonic`: what the wall clock does, does not matter.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import TypeVar

from jetson_deploy.monitor.sample import Sample

Key = TypeVar("Key", bound=Hashable)
DENSE_SECONDS = 120.0
"""So far back every sample is kept."""
SPARSE_SECONDS = 60.0
"""Further back, one in so many seconds."""
LONGEST_SECONDS = 3600.0
"""And no further: "it was pinned before" means within the last hour."""


class Window:
    """`add` gives all samples that are kept, oldest first. They begin anew with a new boot."""

    def __init__(self) -> None:
        self._dense: deque[Sample] = deque()
        self._sparse: deque[Sample] = deque()

    def add(self, sample: Sample) -> Sequence[Sample]:
        if self._dense and _begins_anew(self._dense[-1], sample):
            self._dense.clear()
            self._sparse.clear()
        self._dense.append(sample)
        while len(self._dense) > 2 and self._dense[0].monotonic < sample.monotonic - DENSE_SECONDS:
            old = self._dense.popleft()
            if not self._sparse or old.monotonic - self._sparse[-1].monotonic >= SPARSE_SECONDS:
                self._sparse.append(old)
        while self._sparse and self._sparse[0].monotonic < sample.monotonic - LONGEST_SECONDS:
            self._sparse.popleft()
        return (*self._sparse, *self._dense)


def _begins_anew(before: Sample, now: Sample) -> bool:
    boots = (before.board.boot_id, now.board.boot_id)
    rebooted = None not in boots and boots[0] != boots[1]
    return rebooted or now.monotonic < before.monotonic


def last(window: Sequence[Sample], seconds: float) -> Sequence[Sample]:
    """Those of the last seconds, and at least the last two: counters need two."""
    start = window[-1].monotonic - seconds
    first = len(window) - 1
    while first > 0 and window[first - 1].monotonic >= start:
        first -= 1
    return window[min(first, max(len(window) - 2, 0)) :]


def span(window: Sequence[Sample]) -> float:
    return window[-1].monotonic - window[0].monotonic


def rises(
    window: Sequence[Sample], counters: Callable[[Sample], Iterable[tuple[Key, float | None]]]
) -> dict[Key, float | None]:
    """How far each counter that the last sample has rose within the window. A fall is a new beginning, and counts
    nothing. None: it is not known now, or was never before."""
    seen: dict[Key, float] = {}
    risen: dict[Key, float] = {}
    for sample in window:
        for key, count in counters(sample):
            if count is None:
                continue
            if key in seen:
                risen[key] = risen.get(key, 0.0) + max(0.0, count - seen[key])
            seen[key] = count
    return {key: None if count is None else risen.get(key) for key, count in counters(window[-1])}


def mean(window: Sequence[Sample], value: Callable[[Sample], float | None]) -> float | None:
    """Of the values that are known; None without a last one."""
    known = [found for sample in window if (found := value(sample)) is not None]
    return sum(known) / len(known) if known and value(window[-1]) is not None else None


def total(found: Mapping[Key, float | None]) -> float | None:
    """Sum of what is known; None: nothing is."""
    known = [value for value in found.values() if value is not None]
    return sum(known) if known else None


def was(window: Sequence[Sample], condition: Callable[[Sample], bool]) -> bool:
    """In an earlier sample."""
    return any(condition(sample) for sample in window[:-1])
