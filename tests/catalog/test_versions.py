from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jetson_deploy.catalog.image_entries import L4tRange
from jetson_deploy.catalog.version import compare, in_range, parse_version

PARTS = st.lists(st.integers(0, 999_999), min_size=1, max_size=4)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("36", (36, 0, 0)),
        ("36.4", (36, 4, 0)),
        ("36.4.3", (36, 4, 3)),
        ("1.2.3.4", (1, 2, 3, 4)),
        ("1.2.3.0", (1, 2, 3)),
        ("v0.9.5", (0, 9, 5)),
        ("0.9.5-rc1", (0, 9, 5)),
        ("6.2+b77", (6, 2, 0)),
        ("0.0.0", (0, 0, 0)),
        (" 0.6.8\n", (0, 6, 8)),
    ],
)
def test_a_version_is_read_as_numbers(text: str, expected: tuple[int, ...]) -> None:
    assert parse_version(text) == expected


@pytest.mark.parametrize("text", ["", "latest", "r36.4", "36.", ".4", "36..4", "٣٦", "1e5", "-1", "9" * 5000, "1.2 EA"])
def test_what_is_no_version_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a version"):
        parse_version(text)


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [("0.10.0", "0.9.5", 1), ("36.4", "36.4.0", 0), ("36.4", "36.4.3", -1), ("0.5.13", "0.5.7", 1), ("9", "10", -1)],
)
def test_versions_are_compared_by_number(left: str, right: str, expected: int) -> None:
    assert compare(left, right) == expected


@pytest.mark.parametrize(
    ("l4t", "inside"),
    [
        ("36.4", True),
        ("36.4.0", True),
        ("36.4.3", True),
        ("36.10.0", True),
        ("36.999.9", True),
        ("36.3.9", False),
        ("37", False),
        ("37.0.0", False),
        ("38.2", False),
    ],
)
def test_a_range_is_half_open(l4t: str, inside: bool) -> None:
    assert in_range(l4t, L4tRange(from_="36.4", below="37")) is inside


def test_a_two_digit_minor_is_not_below_a_one_digit_one() -> None:
    assert not in_range("36.10", L4tRange(from_="36.0", below="36.4"))


@given(PARTS, PARTS)
def test_comparing_text_is_comparing_numbers(left: list[int], right: list[int]) -> None:
    width = max(len(left), len(right))
    padded = [part + [0] * (width - len(part)) for part in (left, right)]
    expected = (padded[0] > padded[1]) - (padded[0] < padded[1])
    assert compare(".".join(map(str, left)), ".".join(map(str, right))) == expected
