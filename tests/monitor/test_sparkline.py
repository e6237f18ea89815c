"""Bars and sparklines."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from jetson_deploy.cli.monitor.screen.glyphs import ASCII, BLOCKS, Glyphs, bar, glyphs_for, graph, sparkline

LINES = {
    "rising": ([0.0, 0.25, 0.5, 0.75, 1.0], 5, 0.0, 1.0, "▁▃▅▆█"),
    "newest-at-the-right": ([0.0, 0.0, 1.0], 2, 0.0, 1.0, "▁█"),
    "short": ([1.0], 4, 0.0, 1.0, "   █"),
    "unknown-is-a-gap": ([1.0, None, 1.0], 3, 0.0, 1.0, "█ █"),
    "none": ([], 3, 0.0, 1.0, "   "),
    "all-unknown": ([None, None], 2, 0.0, None, "  "),
    "own-top": ([5.0, 10.0], 2, 0.0, None, "▅█"),
    "flat-zero": ([0.0, 0.0], 2, 0.0, None, "▁▁"),
    "beyond-the-edges": ([-9.0, 9.0], 2, 0.0, 1.0, "▁█"),
    "no-room": ([1.0, 1.0], 0, 0.0, 1.0, ""),
}


@pytest.mark.parametrize("values, width, low, high, line", LINES.values(), ids=LINES)
def test_a_sparkline(values: list[float | None], width: int, low: float, high: float | None, line: str) -> None:
    assert sparkline(values, width, low, high) == line


def test_of_ascii_where_the_encoding_has_no_blocks() -> None:
    assert [glyphs_for(name) for name in ("utf-8", "UTF-8", "ascii", "latin-1", None, "no-such")] == [
        *(BLOCKS, BLOCKS),
        *(ASCII, ASCII, ASCII, ASCII),
    ]
    assert sparkline([0.0, 0.5, 1.0], 3, 0.0, 1.0, glyphs=ASCII) == "_+@"
    assert bar(0.5, 4, 0.25, glyphs=ASCII) == "=#.."


def test_a_bar_tells_a_part_apart() -> None:
    assert [bar(share, 4) for share in (None, 0.0, 0.5, 1.0, 7.0)] == ["-   ", "····", "██··", "████", "████"]
    assert bar(0.5, 4, 0.9) == "▒▒··"


def test_a_graph_is_several_rows_high() -> None:
    assert graph([0.0, 0.5, 1.0, None], 5, 2, 0.0, 1.0) == ["   █ ", " ▁██ "]


VALUES = some.lists(some.none() | some.floats(-1e9, 1e9), max_size=12)


@settings(max_examples=25, deadline=None)
@given(VALUES, some.integers(0, 9), some.none() | some.floats(-10, 10), some.sampled_from([BLOCKS, ASCII]))
def test_any_values_give_exactly_that_many_cells(
    values: list[float | None], width: int, high: float | None, glyphs: Glyphs
) -> None:
    allowed = set(glyphs.steps + " ")
    for line in (
        sparkline(values, width, 0.0, high, glyphs=glyphs),
        *graph(values, width, 3, 0.0, high, glyphs=glyphs),
    ):
        assert len(line) == width and set(line) <= allowed
