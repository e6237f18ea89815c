"""Bars and sparklines of block characters, or of ASCII where the terminal's encoding has none."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Glyphs:
    steps: str
    """From the lowest to the highest value."""
    full: str
    other: str
    """The part of a bar that is marked: the model's share of the memory."""
    empty: str
    rule: str
    divider: str
    degree: str
    ascii_only: bool


BLOCKS = Glyphs("▁▂▃▄▅▆▇█", "█", "▒", "·", "─", "│", "°C", False)
ASCII = Glyphs("_.-=+*#@", "#", "=", ".", "-", "|", "C", True)


def glyphs_for(encoding: str | None) -> Glyphs:
    """For a terminal of that encoding."""
    try:
        "▁█▒│°".encode(encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return ASCII
    return BLOCKS


def sparkline(
    values: Sequence[float | None], width: int, low: float = 0.0, high: float | None = None, *, glyphs: Glyphs = BLOCKS
) -> str:
    """The last `width` values, the newest at the right end; a space where one is unknown.

    `high` None: the highest of them is the top. Values beyond low and high stand at the edge.
    """
    shown = values[-width:] if width > 0 else ()
    top = _top(shown, high)
    span = top - low
    steps = glyphs.steps
    last = len(steps) - 1

    def step(value: float | None) -> str:
        if value is None:
            return " "
        share = (value - low) / span if span > 0 else 0.0
        return steps[round(max(0.0, min(1.0, share)) * last)]

    return "".join(map(step, shown)).rjust(max(0, width))


def graph(
    values: Sequence[float | None], width: int, rows: int, low: float = 0.0, high: float | None = None,
    *, glyphs: Glyphs = BLOCKS,
) -> list[str]:  # fmt: skip
    """As `sparkline`, several rows high; the top row first."""
    shown = values[-width:] if width > 0 else ()
    top = _top(shown, high)
    span = (top - low) or 1.0
    levels = len(glyphs.steps)
    heights = [
        None if v is None else max(1, round(max(0.0, min(1.0, (v - low) / span)) * rows * levels)) for v in shown
    ]
    return [
        "".join(" " if h is None or h <= below else glyphs.steps[min(h - below, levels) - 1] for h in heights).rjust(
            width
        )
        for below in (row * levels for row in reversed(range(rows)))
    ]


def bar(share: float | None, width: int, of_it: float | None = None, *, glyphs: Glyphs = BLOCKS) -> str:
    """`of_it`: the part of the whole that is marked, at the left end; within `share`."""
    if share is None:
        return "-".ljust(width)
    filled = round(max(0.0, min(1.0, share)) * width)
    apart = min(filled, round(max(0.0, min(1.0, of_it or 0.0)) * width))
    return glyphs.other * apart + glyphs.full * (filled - apart) + glyphs.empty * (width - filled)


def _top(values: Iterable[float | None], high: float | None) -> float:
    if high is not None:
        return high
    return max((value for value in values if value is not None), default=0.0)
