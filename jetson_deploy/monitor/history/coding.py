"""Numbers as they are kept: 32-bit floats (7 digits), unknown as NaN, column by column, and compressed.

A sensor says the same few values again and again, so that zlib finds them best when they stand whole and one behind
the other: half a minute of a board takes a fifth of what a table of REAL columns does. Little-endian.
"""

from __future__ import annotations

import sys
import zlib
from array import array
from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import Any

UNKNOWN = float("nan")
_LEVEL = 9
_FLOAT, _TIME, _COUNT = 4, 8, 2
MOST_IN_A_MINUTE = 65_535


def pack_rows(times: Sequence[int], columns: Iterable[array[float]]) -> bytes:
    """`times` in milliseconds since 1970, in the order of recording; each column has one value for each."""
    return _packed(array("q", _steps(times)), *columns)


def unpack_rows(data: bytes, count: int, wanted: Iterable[int]) -> tuple[list[int], list[array[float]]]:
    """The times, and the wanted columns by their numbers. Raises ValueError for what is no such data."""
    whole = _expanded(data)
    first = count * _TIME
    if count < 1 or len(whole) < first or (len(whole) - first) % (count * _FLOAT):
        raise ValueError("it is cut off")
    times = list(accumulate(_numbers("q", whole[:first])))
    starts = (first + number * count * _FLOAT for number in wanted)
    return times, [_numbers("f", whole[start : start + count * _FLOAT]) for start in starts]


def pack_minute(lows: array[float], means: array[float], highs: array[float], counts: Iterable[int]) -> bytes:
    """One value of each for every series."""
    return _packed(lows, means, highs, array("H", (min(count, MOST_IN_A_MINUTE) for count in counts)))


def unpack_minute(data: bytes, size: int) -> tuple[array[float], array[float], array[float], array[int]]:
    """(lows, means, highs, counts), each of `size` series. Raises ValueError."""
    whole, width = _expanded(data), size * _FLOAT
    if len(whole) != 3 * width + size * _COUNT:
        raise ValueError("it is cut off")
    lows, means, highs = (_numbers("f", whole[place * width : (place + 1) * width]) for place in range(3))
    return lows, means, highs, _numbers("H", whole[3 * width :])


def pack_ids(numbers: Iterable[int]) -> bytes:
    return _little(array("I", numbers)).tobytes()


def unpack_ids(data: bytes) -> list[int]:
    return list(_numbers("I", data))


def _packed(*parts: array[Any]) -> bytes:
    return zlib.compress(b"".join(_little(part).tobytes() for part in parts), _LEVEL)


def _expanded(data: bytes) -> bytes:
    try:
        return zlib.decompress(data)
    except zlib.error as error:
        raise ValueError(str(error)) from error


def _steps(times: Sequence[int]) -> Iterable[int]:
    before = 0
    for time in times:
        yield time - before
        before = time


def _numbers(kind: str, data: bytes) -> array[Any]:
    found: array[Any] = array(kind)
    found.frombytes(data)
    return _little(found)


def _little(numbers: array[Any]) -> array[Any]:
    if sys.byteorder == "big":
        numbers = numbers[:]
        numbers.byteswap()
    return numbers
