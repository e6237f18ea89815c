"""Numbers come back as they were put, and damaged bytes are refused, not guessed."""

from __future__ import annotations

import contextlib
import math
from array import array

from hypothesis import given, settings
from hypothesis import strategies as st

from jetson_deploy.monitor.history.coding import pack_minute, pack_rows, unpack_minute, unpack_rows

FLOATS = st.floats(width=32, allow_nan=True, allow_infinity=False)
TIMES = st.lists(st.integers(-(2**40), 2**43), min_size=1, max_size=40)


def same(one: array[float], other: array[float]) -> bool:
    return all(a == b or (math.isnan(a) and math.isnan(b)) for a, b in zip(one, other, strict=True))


@settings(max_examples=40, deadline=None)
@given(TIMES, st.data())
def test_rows_come_back_also_when_the_clock_goes_back(times: list[int], data: st.DataObject) -> None:
    size = len(times)
    columns = [array("f", data.draw(st.lists(FLOATS, min_size=size, max_size=size))) for _ in range(3)]
    packed = pack_rows(times, columns)
    found, chosen = unpack_rows(packed, size, [2, 0])
    assert found == times
    assert same(chosen[0], columns[2]) and same(chosen[1], columns[0])


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(FLOATS, FLOATS, FLOATS, st.integers(1, 10**6)), max_size=50))
def test_minutes_come_back(rows: list[tuple[float, float, float, int]]) -> None:
    lows, means, highs = (array("f", (row[n] for row in rows)) for n in range(3))
    found = unpack_minute(pack_minute(lows, means, highs, (row[3] for row in rows)), len(rows))
    assert same(found[0], lows) and same(found[1], means) and same(found[2], highs)
    assert list(found[3]) == [min(row[3], 65_535) for row in rows]


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 200), st.integers(0, 255), st.integers(0, 60))
def test_damaged_bytes_are_refused_or_give_as_many_numbers(place: int, byte: int, count: int) -> None:
    packed = bytearray(pack_rows(range(30), [array("f", range(30))]))
    packed[place % len(packed)] = byte
    for data in (bytes(packed), bytes(packed[:place])):
        with contextlib.suppress(ValueError):
            times, (column,) = unpack_rows(data, count, [0])
            assert len(times) == len(column) == count
        with contextlib.suppress(ValueError):
            assert len(unpack_minute(data, count)[0]) == count
