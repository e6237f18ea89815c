"""Dotted versions compared by number: L4T releases, Ollama, CUDA."""

from __future__ import annotations

import functools
import re

from jetson_deploy.catalog.image_entries import L4tRange

_VERSION = re.compile(r"\s*v?(?P<numbers>[0-9]{1,6}(?:\.[0-9]{1,6}){0,5})(?:[-+][0-9A-Za-z.+-]{0,60})?\s*", re.ASCII)
_PARTS = 3


@functools.lru_cache(maxsize=512)  # a plan compares the same few dozen a thousand times
def parse_version(text: str) -> tuple[int, ...]:
    """`36.4` → (36, 4, 0): at least three numbers, so that tuples compare as versions do.

    A leading `v` and a suffix such as `-rc1` or `+b77` are dropped: no rule here depends on them.
    Raises ValueError for anything else.
    """
    match = _VERSION.fullmatch(text)
    if match is None:
        raise ValueError(f"not a version: {text[:80]!r}")
    numbers = [int(part) for part in match["numbers"].split(".")]
    while len(numbers) > _PARTS and numbers[-1] == 0:
        numbers.pop()
    return (*numbers, *[0] * (_PARTS - len(numbers)))


def compare(left: str, right: str) -> int:
    """-1, 0 or 1. Raises ValueError."""
    a, b = parse_version(left), parse_version(right)
    return (a > b) - (a < b)


def in_range(l4t: str, limits: L4tRange) -> bool:
    """`36.4.3` is in 36.4..37, `36.10.0` is not below 36.4. Raises ValueError for a bad `l4t`."""
    return parse_version(limits.from_) <= parse_version(l4t) < parse_version(limits.below)
