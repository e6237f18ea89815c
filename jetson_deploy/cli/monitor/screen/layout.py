"""Sections → a screen: two columns where there is room, and the least important left out where there is not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import zip_longest

from jetson_deploy.cli.monitor.screen import compute, head, heat, memory, model
from jetson_deploy.cli.monitor.screen.frame import Frame
from jetson_deploy.cli.monitor.screen.lines import Block, Line, Section, fitted

TWO_COLUMNS = 150
"""Cells from which on there are two."""
_TALL, _VERY_TALL = 32, 55
"""Rows from which on processes stand in a table, and graphs are higher."""
_GAP = 3
_SPACE = 7
"""Rank of the empty line between two sections."""
_LAST = 8
"""Rank of what needs a big screen."""


def page(frame: Frame, height: int | None) -> list[Line]:
    """Lines of exactly `frame.width` cells; at most `height` of them, or all (None)."""
    width = frame.width
    frame = replace(frame, tall=height is None or height >= _TALL, graph_rows=6 if (height or 0) >= _VERY_TALL else 3)
    top, foot = head.title(frame), [head.footer(frame)] if height is not None else []
    alerts = head.alerts(frame, width)
    if height is None:
        body = _columns(frame, None)
        lines = [*top, *(line for block in alerts for line in block.lines), *body]
        return [fitted(line, width) for line in lines]
    room = max(0, height - len(top) - len(foot))
    shown = _alerts(alerts, room // 2)
    body = _columns(frame, room - len(shown))
    lines = [*top, *shown, *body]
    lines += [()] * (height - len(foot) - len(lines))
    return [fitted(line, width) for line in [*lines[: max(0, height - len(foot))], *foot]][:height]


def _alerts(blocks: Sequence[Block], height: int) -> list[Line]:
    """As many as fit whole, and how many do not."""
    kept = _kept_blocks(blocks, height)
    if len(kept) < len(blocks):
        kept = _kept_blocks(blocks, height - 1)
    lines = [line for block in kept for line in block.lines]
    left_out = len(blocks) - len(kept)
    return [*lines, head.more_alerts(left_out)] if left_out and height > 0 else lines


def _columns(frame: Frame, height: int | None) -> list[Line]:
    if frame.width < TWO_COLUMNS:
        order = [model.model, compute.loads, memory.memory, heat.heat, memory.host, head.failures]
        return _stacked([build(frame) for build in order], height, apart=frame.tall)
    narrow = replace(frame, width=(frame.width - _GAP) // 2)
    left = _stacked([build(narrow) for build in (model.model, compute.loads)], height, apart=True)
    right = _stacked(
        [build(narrow) for build in (heat.heat, memory.memory, memory.host, head.failures)], height, apart=True
    )
    divider = f" {frame.glyphs.divider} "
    return [
        (*fitted(one, narrow.width), (divider, "dim"), *fitted(other, narrow.width))
        for one, other in zip_longest(left, right, fillvalue=())
    ]


def _stacked(sections: Sequence[Section], height: int | None, *, apart: bool) -> list[Line]:
    blocks = list(_spaced(sections) if apart else (block for section in sections for block in section.blocks))
    if height is None:
        return [line for block in blocks if block.rank < _LAST for line in block.lines]
    return _kept(blocks, height)


def _spaced(sections: Sequence[Section]) -> Iterator[Block]:
    for number, section in enumerate(one for one in sections if one.blocks):
        if number:
            yield Block(_SPACE, ((),))
        yield from section.blocks


def _kept(blocks: Sequence[Block], height: int) -> list[Line]:
    return [line for block in _kept_blocks(blocks, height) for line in block.lines]


def _kept_blocks(blocks: Sequence[Block], height: int) -> list[Block]:
    """Without the blocks of the highest rank, the last first, until the rest fits."""
    kept = dict(enumerate(blocks))
    lines = sum(len(block.lines) for block in blocks)
    for number in sorted(kept, key=lambda n: (-blocks[n].rank, -n)):
        if lines <= height:
            break
        lines -= len(kept.pop(number).lines)
    return [blocks[number] for number in sorted(kept)]
