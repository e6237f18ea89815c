"""Words that every text a pattern fits must hold: a text of megabytes is then asked for most patterns by `in` alone."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator

_LEAST = 3
_SPECIAL = set(".^$*+?{}[]()|")
_OPTIONAL = set("*?{")
_NOT_READ = re.compile(r"\\(?:[xuUN0]|[1-9][0-9])|\(\?[a-zA-Z]*x")
"""Characters by number, references to groups, the verbose form: nothing is claimed of such a pattern."""


@functools.lru_cache(maxsize=2048)
def required_words(pattern: str) -> tuple[str, ...]:
    """In lower case; one of them stands in whatever the pattern fits. Empty: no such word is known."""
    words: list[str] = []
    if _NOT_READ.search(pattern):
        return ()
    for alternative in _alternatives(pattern):
        longest = max(_runs(alternative), key=len, default="")
        found = (longest.lower(),) if len(longest) >= _LEAST else _of_a_group(alternative)
        if not found:
            return ()
        words += found
    return tuple(words)


def _of_a_group(pattern: str) -> tuple[str, ...]:
    """Those of a plain group, which must be there once at least."""
    start, depth = 0, 0
    for at, char in plain(pattern):
        if char == "(":
            start, depth = (at + 1 if depth == 0 else start), depth + 1
        elif char == ")":
            depth -= 1
            is_plain = pattern[start : start + 1] != "?" and pattern[at + 1 : at + 2] not in _OPTIONAL
            words = required_words(pattern[start:at]) if depth == 0 and is_plain else ()
            if words:
                return words
    return ()


def _alternatives(pattern: str) -> list[str]:
    """The pattern cut at each `|` that stands in no group."""
    parts, start, depth = [], 0, 0
    for at, char in plain(pattern):
        depth += {"(": 1, ")": -1}.get(char, 0)
        if char == "|" and depth == 0:
            parts.append(pattern[start:at])
            start = at + 1
    return [*parts, pattern[start:]]


def _runs(pattern: str) -> Iterator[str]:
    """Stretches of plain characters outside of groups: what may be left out is not among them."""
    run, depth = "", 0
    for _, char in plain(pattern):
        if char in ("(", ")"):
            depth += 1 if char == "(" else -1
        if depth == 0 and len(char) == 1 and char not in _SPECIAL:
            run += char
        elif depth == 0 and len(char) == 2 and not char[1].isalnum():
            run += char[1]
        else:
            yield run[:-1] if char in _OPTIONAL else run
            run = ""
    yield run


def plain(pattern: str) -> Iterator[tuple[int, str]]:
    """Place and text of each piece: one character, an escape of two, a whole class `[…]` as `[`, `{…}` as `{`."""
    at = 0
    while at < len(pattern):
        start, char = at, pattern[at]
        if char == "\\":
            char = pattern[at : at + 2]
        elif char == "[":
            at = _end_of_class(pattern, at)
        elif char == "{":
            at = max(at, pattern.find("}", at))
        at += len(char)
        yield start, char


def _end_of_class(pattern: str, at: int) -> int:
    """The place of the `]` that ends it: one right at its start, or behind a backslash, is a member."""
    at += 2 if pattern[at + 1 : at + 2] == "^" else 1
    at += 1 if pattern[at : at + 1] == "]" else 0
    while at < len(pattern) and pattern[at] != "]":
        at += 2 if pattern[at] == "\\" else 1
    return at
