"""`2h`, `30m`, `1h30m`, `90s`, `2d` → seconds."""

from __future__ import annotations

import re

from jetson_deploy.errors import UsageError
from jetson_deploy.names import shown

_SECONDS = {"d": 86400, "h": 3600, "m": 60, "s": 1}
_DURATION = re.compile(r"(?:[0-9]{1,6}[dhms])+")


def read_duration(text: str, option: str) -> float:
    """More than 0. Raises UsageError `bad-duration`, naming the option."""
    whole = _DURATION.fullmatch(text.strip().lower())
    parts = re.findall(r"([0-9]+)([dhms])", whole[0]) if whole else []
    seconds = float(sum(int(number) * _SECONDS[unit] for number, unit in parts))
    if seconds <= 0:
        raise UsageError(f"{option} {shown(text)} is not a duration", hint="write 30m, 2h or 1d", code="bad-duration")
    return seconds


def duration_text(seconds: float) -> str:
    """The two largest units: `1 h 30 min`."""
    left, words = round(seconds), []
    for unit, name in ((86400, "d"), (3600, "h"), (60, "min"), (1, "s")):
        if left >= unit:
            words.append(f"{left // unit} {name}")
            left %= unit
    return " ".join(words[:2]) or "0 s"
