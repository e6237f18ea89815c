"""Numbers as a person writes them: `3`, `25%`, `90 s`, `10m`."""

from __future__ import annotations

import math
import re

import msgspec

from jetson_deploy.errors import UsageError

LONGEST_DAYS = 30
MOST = 10**9
_UNITS = {"": 1, "s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*([a-z]*)")
_PERCENT = re.compile(r"(\d+(?:\.\d+)?)\s*%")


class Amount(msgspec.Struct, frozen=True, kw_only=True):
    """So many devices, or so many of a hundred."""

    number: float
    percent: bool = False

    def of(self, total: int) -> int:
        """Rounded up: a percentage of few is one at least. Never more than there are."""
        wanted = math.ceil(self.number * total / 100 - 1e-9) if self.percent else int(self.number)
        return min(wanted, total)

    def text(self) -> str:
        return f"{self.number:g} %" if self.percent else f"{self.number:g}"


def amount(value: object, key: str) -> Amount:
    """A whole number or a percentage. Raises UsageError naming the key."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MOST:
        return Amount(number=value)
    if isinstance(value, str):
        if re.fullmatch(r"[0-9]{1,9}", value.strip()):
            return Amount(number=int(value))
        found = _PERCENT.fullmatch(value.strip())
        if found and float(found[1]) <= 100:
            return Amount(number=float(found[1]), percent=True)
    raise _wrong(key, value, "a number of devices (3), or a percentage (25%)")


def some(value: object, key: str, hint: str = "give 1 or more, or leave the batch out") -> Amount:
    """An amount that is not nothing. Raises UsageError naming the key."""
    found = amount(value, key)
    if found.number == 0:
        raise UsageError(f"{key}: no device at all", hint=hint, code="bad-value")
    return found


def percentage(value: object, key: str) -> float:
    """`90`, `90%`. Raises UsageError naming the key."""
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 100:
        return float(value)
    found = _PERCENT.fullmatch(value.strip()) if isinstance(value, str) else None
    if found and float(found[1]) <= 100:
        return float(found[1])
    raise _wrong(key, value, "a percentage from 0 to 100 (90%)")


def duration(value: object, key: str) -> float:
    """Seconds, or a number with s, m, h or d, up to a month. Raises UsageError naming the key."""
    longest = LONGEST_DAYS * _UNITS["d"]
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= longest:
        return float(value)
    found = _DURATION.fullmatch(value.strip().lower()) if isinstance(value, str) else None
    if found and found[2] in _UNITS and float(found[1]) * _UNITS[found[2]] <= longest:
        return float(found[1]) * _UNITS[found[2]]
    raise _wrong(key, value, f"seconds (60), or a number with s, m, h or d (10m); {LONGEST_DAYS}d at most")


def _wrong(key: str, value: object, valid: str) -> UsageError:
    return UsageError(f"{key}: {ascii(value)[:60]} cannot be read", hint=f"give {valid}", code="bad-value")
