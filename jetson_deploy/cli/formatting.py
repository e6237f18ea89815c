"""Format values for people: long ones are shortened where nothing is lost that a reader needs."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence

WIDTH = 100
"""Of a wide terminal."""
_LEAST = 30
_DIGEST = re.compile(r"(?<![0-9a-f])([0-9a-f]{12})[0-9a-f]{52}(?![0-9a-f])")
_UTC = re.compile(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(?:\.\d+)?(?:\+00:00|Z)")


def short_digests(text: str) -> str:
    """Every digest with its first twelve digits, as `docker images` and `ollama list` show it."""
    return _DIGEST.sub(r"\1", text)


def when(at: str) -> str:
    """RFC 3339 in UTC, without what is the same in every line."""
    found = _UTC.fullmatch(at)
    return f"{found[1]} {found[2]}Z" if found else at or "not on record"


def image_name(reference: str) -> str:
    """`repository:tag`, without registry and digest; of an image that has no tag the digest."""
    name, _, digest = reference.partition("@")
    first, slash, rest = name.partition("/")
    name = rest if slash and ("." in first or ":" in first or first == "localhost") else name
    return name if ":" in name or not digest else short_digests(f"{name}@{digest}")


def aligned(rows: Sequence[Sequence[str]], indent: str = "") -> list[str]:
    """One line for each row, in columns; the last is as wide as it is."""
    widths = [*(max(map(len, column)) for column in list(zip(*rows, strict=True))[:-1]), 0]
    return [
        (indent + "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True))).rstrip()
        for row in rows
    ]


def table(rows: Sequence[Sequence[str]], indent: str = "") -> str:
    return "\n".join(aligned(rows, indent))


def with_text(rows: Sequence[Sequence[str]], indent: str = "") -> str:
    """As `aligned`, with a text behind each row, wrapped; below the row where there is no room beside."""
    heads = aligned([row[:-1] for row in rows], indent)
    start = max(map(len, heads)) + 2
    below = WIDTH - start < _LEAST
    room = " " * (len(indent) + 4 if below else start)
    lines = []
    for head, row in zip(heads, rows, strict=True):
        text = wrapped(row[-1], room)
        lines += [head, text] if below else [f"{head:<{start}}{text[start:]}".rstrip()]
    return "\n".join(filter(None, lines))


def wrapped(text: str, indent: str) -> str:
    """Lines no wider than a terminal, each with the indent; words stay whole."""
    return textwrap.fill(
        text, WIDTH, initial_indent=indent, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )
