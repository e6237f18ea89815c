"""Sets of byte ranges behave like sets of bytes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from jetson_deploy.store.transfer.ranges import Ranges

SIZE = 40
SPANS = st.tuples(st.integers(0, SIZE), st.integers(0, SIZE)).map(lambda pair: (min(pair), max(pair)))
CHANGES = st.lists(st.tuples(st.booleans(), SPANS), max_size=20)


@given(CHANGES)
def test_adding_and_removing_ranges_is_adding_and_removing_bytes(changes: list[tuple[bool, tuple[int, int]]]) -> None:
    ranges, model = Ranges(), set[int]()
    for adds, (start, end) in changes:
        if adds:
            ranges.add(start, end)
            model |= set(range(start, end))
        else:
            ranges.remove(start, end)
            model -= set(range(start, end))
    assert {byte for start, end in ranges for byte in range(start, end)} == model
    assert {byte for start, end in ranges.gaps(SIZE) for byte in range(start, end)} == set(range(SIZE)) - model
    assert ranges.total == len(model)
    assert ranges.frontier == next(byte for byte in range(SIZE + 1) if byte not in model)
    assert all(before[1] < after[0] for before, after in zip(list(ranges), list(ranges)[1:], strict=False))
