"""Lines of styled text, blocks of them that are shown or left out whole, and text that is cut to cells."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal, NamedTuple

from jetson_deploy.cli.foreign import escaped

Style = Literal["", "dim", "bold", "title", "good", "warn", "bad"]
"""Only beside a word or a sign that says the same: a terminal may have no colour."""
Span = tuple[str, Style]
Line = tuple[Span, ...]

_SIMPLE = str.maketrans({"°": None, "…": ".", "–": "-", "·": ".", "≥": ">", "≤": "<", "’": "'"})
LABEL = 8
"""Cells before the text of a row: its subject stands there."""


class Block(NamedTuple):
    """Lines that belong together; those with the highest `rank` are left out first where room is short."""

    rank: int
    lines: tuple[Line, ...]


class Section(NamedTuple):
    """What stands together, an empty line away from others where there is room."""

    blocks: tuple[Block, ...]


def plain(line: Line) -> str:
    return "".join(text for text, _ in line).rstrip()


def as_ascii(text: str) -> str:
    """For a terminal that has no more: `?` for what people need, and without the rest."""
    return text if text.isascii() else text.translate(_SIMPLE).encode("ascii", "replace").decode()


def cells(text: str) -> int:
    """Columns of a terminal."""
    if text.isascii():
        return len(text)
    return sum(_cells(one) for one in text)


def _cells(one: str) -> int:
    if unicodedata.combining(one):
        return 0
    return 2 if unicodedata.east_asian_width(one) in "WF" else 1


def clean(text: str | None) -> str:
    """A name from outside; nothing in it may move the cursor."""
    return "".join(one if one.isprintable() else escaped(one) for one in text) if text else "-"


def cut(text: str, width: int) -> str:
    """At most so many cells, the last a dot pair where something was left out."""
    if cells(text) <= width:
        return text
    kept, room = "", max(0, width - 2)
    for one in text:
        room -= _cells(one)
        if room < 0:
            break
        kept += one
    return (kept + "..")[: max(0, width)]


def fitted(line: Line, width: int) -> Line:
    """Cut and filled to exactly `width` cells."""
    out: list[Span] = []
    room = width
    for text, style in line:
        shown = cut(text, room)
        room -= cells(shown)
        out.append((shown, style))
        if room <= 0:
            break
    return (*out, (" " * room, "")) if room > 0 else tuple(out)


def row(label: str, *spans: Span) -> Line:
    return ((f"{cut(label, LABEL - 1):<{LABEL}}", "title"), *spans)


def flow(label: str, items: Iterable[Sequence[Span]], width: int) -> Iterator[Line]:
    """Items side by side, two spaces between them, in as many rows as they need."""
    line: list[Span] = []
    used = LABEL
    for item in items:
        need = sum(cells(text) for text, _ in item)
        if line and used + 2 + need > width:
            yield row(label, *line)
            label, line, used = "", [], LABEL
        if line:
            line.append(("  ", ""))
            used += 2
        line += item
        used += need
    if line:
        yield row(label, *line)


def flowed(rank: int, label: str, items: Iterable[Sequence[Span]], width: int, more: int = 1) -> list[Block]:
    """As `flow`; the first row in a block of `rank`, each further one `more` behind it."""
    return [Block(rank + min(number, 1) * more, (line,)) for number, line in enumerate(flow(label, items, width))]


def wrapped(text: str, width: int, first: str, rest: str) -> list[str]:
    """Words in lines of at most `width` cells, the first after `first`, the others after `rest`."""
    lines, line = [], first
    empty = True
    for word in text.split():
        if not empty and cells(line) + 1 + cells(word) > width:
            lines.append(line)
            line, empty = rest, True
        line += word if empty else f" {word}"
        empty = False
    return [*lines, line]


def broken(text: str, width: int, first: str, rest: str) -> list[str]:
    """As `wrapped`; a word that is longer than a line, as a path may be, goes on in the next: a screen cuts lines."""
    room = max(1, width - max(cells(first), cells(rest)))
    return wrapped(" ".join(piece for word in text.split() for piece in _pieces(word, room)), width, first, rest)


def _pieces(word: str, room: int) -> Iterator[str]:
    piece, used = "", 0
    for one in word:
        if piece and used + _cells(one) > room:
            yield piece
            piece, used = "", 0
        piece += one
        used += _cells(one)
    yield piece
