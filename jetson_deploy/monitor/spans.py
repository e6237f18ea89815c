"""`90s`, `30m`, `1h30m`, `1.5h`, `2d`, `1w` → seconds: one spelling for all options that take a span of time."""

from __future__ import annotations

import re

_PART = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,3})?)([smhdw])")
_WHOLE = re.compile(rf"(?:{_PART.pattern}){{1,5}}")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 7 * 86_400}


def span_seconds(text: str) -> float | None:
    """More than 0; None: it is no span."""
    word = text.strip().lower()
    if not _WHOLE.fullmatch(word):
        return None
    return sum(float(number) * _SECONDS[unit] for number, unit in _PART.findall(word)) or None
