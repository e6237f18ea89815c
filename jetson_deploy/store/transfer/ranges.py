"""Sets of byte ranges `[start, end)`: which parts of a blob are here. Pure."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator

Range = tuple[int, int]


class Ranges:
    """Disjoint, in order, never touching: what touches is one range."""

    def __init__(self, ranges: Iterable[Range] = ()) -> None:
        self._ranges: list[Range] = []
        for start, end in ranges:
            self.add(start, end)

    def __iter__(self) -> Iterator[Range]:
        return iter(self._ranges)

    def __bool__(self) -> bool:
        return bool(self._ranges)

    @property
    def total(self) -> int:
        return sum(end - start for start, end in self._ranges)

    @property
    def frontier(self) -> int:
        """Bytes from the very start that are here without a gap."""
        return self._ranges[0][1] if self._ranges and self._ranges[0][0] == 0 else 0

    def add(self, start: int, end: int) -> None:
        if start >= end:
            return
        first = bisect_left(self._ranges, (start, start))
        if first and self._ranges[first - 1][1] >= start:
            first -= 1
        last = first
        while last < len(self._ranges) and self._ranges[last][0] <= end:
            start, end = min(start, self._ranges[last][0]), max(end, self._ranges[last][1])
            last += 1
        self._ranges[first:last] = [(start, end)]

    def remove(self, start: int, end: int) -> None:
        if start >= end:
            return
        kept: list[Range] = []
        for a, b in self._ranges:
            kept += [(x, y) for x, y in ((a, min(b, start)), (max(a, end), b)) if x < y]
        self._ranges = kept

    def gaps(self, size: int) -> Iterator[Range]:
        """What is missing of `[0, size)`."""
        at = 0
        for start, end in self._ranges:
            if at < min(start, size):
                yield at, min(start, size)
            at = end
        if at < size:
            yield at, size
