"""Samples → one minimum, mean and maximum of each series for every minute."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterator, Mapping, Sequence

import msgspec

from jetson_deploy.monitor.history.clock import MINUTE


class Stat(msgspec.Struct, frozen=True):
    low: float
    mean: float
    high: float
    count: int


class Minute(msgspec.Struct, frozen=True, kw_only=True):
    at: int
    """Its beginning, milliseconds since 1970."""
    until: int
    """The last sample in it, by its number in the recording."""
    stats: Mapping[str, Stat]


class Rollup:
    """Takes samples in their order; a minute ends when a sample of another minute comes, be it an earlier one."""

    def __init__(self) -> None:
        self._at: int | None = None
        self._until = 0
        self._sums: dict[str, list[float]] = {}

    def add(self, first: int, times: Sequence[int], columns: Mapping[str, array[float]]) -> list[Minute]:
        """Minutes that ended. `first`: the number of the first sample."""
        ended = []
        for start, stop in _minutes(times):
            at = times[start] // MINUTE * MINUTE
            if self._at is not None and at != self._at:
                ended.extend(self.taken())
            self._at, self._until = at, first + stop - 1
            for key, column in columns.items():
                self._add(key, column[start:stop])
        return ended

    def taken(self) -> list[Minute]:
        """The minute that has not ended, as far as it is known; it begins anew."""
        if self._at is None:
            return []
        stats = {
            key: Stat(low, total / count, high, int(count)) for key, (low, total, high, count) in self._sums.items()
        }
        minute = Minute(at=self._at, until=self._until, stats=stats)
        self._at, self._sums = None, {}
        return [minute]

    def _add(self, key: str, part: array[float]) -> None:
        values: Sequence[float] = part
        total = math.fsum(part)
        if total != total:  # something of it is unknown
            values = [value for value in part if value == value]
            if not values:
                return
            total = math.fsum(values)
        found = self._sums.get(key)
        if found is None:
            self._sums[key] = [min(values), total, max(values), len(values)]
            return
        found[0] = min(found[0], min(values))
        found[1] += total
        found[2] = max(found[2], max(values))
        found[3] += len(values)


def _minutes(times: Sequence[int]) -> Iterator[tuple[int, int]]:
    """(start, stop) of neighbours in the same minute."""
    start = 0
    for place in range(1, len(times) + 1):
        if place == len(times) or times[place] // MINUTE != times[start] // MINUTE:
            yield start, place
            start = place
