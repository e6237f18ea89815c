"""Parse arguments: a time, a window, series with * in them."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from datetime import datetime, timezone
from fnmatch import fnmatchcase

from jetson_deploy.errors import UsageError
from jetson_deploy.monitor.history.reader import Window
from jetson_deploy.monitor.spans import span_seconds
from jetson_deploy.names import shown

_SIZE = re.compile(r"([0-9]{1,15})\s*(?:([KMGT])(?:i?B)?|B)?", re.IGNORECASE)
_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
_NEAR = 3


def parse_time(text: str, now: float) -> int:
    """Milliseconds since 1970 of an RFC 3339 time, or of one so long before `now`: 90s, 30m, 2h, 7d, 1w, or now.

    A time without a zone is the machine's own. Raises UsageError.
    """
    word = text.strip()
    if word == "now":
        return round(now * 1000)
    if (ago := span_seconds(word)) is not None:
        return round((now - ago) * 1000)
    try:
        return round(datetime.fromisoformat(re.sub(r"[zZ]$", "+00:00", word)).timestamp() * 1000)
    except (ValueError, OverflowError, OSError) as error:
        raise UsageError(
            f"{shown(text)} is not a time",
            hint="RFC 3339, as 2026-03-01T12:00:00Z, or so long ago: 90s, 30m, 2h, 7d",
            code="bad-time",
        ) from error


def parse_span(text: str) -> float:
    """Seconds of 90s, 30m, 2h, 7d, 1w. Raises UsageError."""
    seconds = span_seconds(text)
    if seconds is None:
        raise UsageError(f"{shown(text)} is not a span of time", hint="90s, 30m, 6h, 7d, 2w", code="bad-time")
    return seconds


def parse_size(text: str, least: int) -> int:
    """Bytes of 512M, 1G, 536870912; units are binary. Raises UsageError."""
    found = _SIZE.fullmatch(text.strip())
    size = int(found[1]) * _UNITS[(found[2] or "").upper()] if found else 0
    if size < least:
        what = "is too small" if found else "is not a size"
        raise UsageError(f"{shown(text)} {what}", hint=f"{least >> 20}M or more; 512M, 2G", code="bad-size")
    return size


def chosen_window(since: str | None, until: str | None, now: float) -> Window:
    """Raises UsageError."""
    window = Window(since=parse_time(since, now) if since else None, until=parse_time(until, now) if until else None)
    if window.since is not None and window.until is not None and window.since > window.until:
        raise UsageError(f"--from {since} is after --to {until}", hint="the earlier one comes first", code="bad-time")
    return window


def chosen_series(wanted: Sequence[str], known: Sequence[str]) -> list[str]:
    """Those named, with * and ? for any signs, in the order of naming. Raises UsageError with the nearest names."""
    found: dict[str, None] = {}
    for pattern in wanted:
        matching = [key for key in known if key == pattern or fnmatchcase(key, pattern)]
        if not matching:
            raise _unknown(pattern, known)
        found.update(dict.fromkeys(matching))
    return list(found)


def _unknown(pattern: str, known: Sequence[str]) -> UsageError:
    near = difflib.get_close_matches(pattern, known, n=_NEAR, cutoff=0.5)
    near += [key for key in known if pattern.strip("*?") and pattern.strip("*?") in key and key not in near]
    hint = "did you mean " + ", ".join(near[:_NEAR]) + "?" if near else "jetson-deploy monitor history lists them"
    return UsageError(f"no series {shown(pattern)} was recorded", hint=hint, code="no-such-series")


def rfc3339(at: int) -> str:
    """Milliseconds since 1970 in UTC, for programs; what no calendar holds as the number itself."""
    try:
        return datetime.fromtimestamp(at / 1000, timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    except (ValueError, OverflowError, OSError):
        return str(at)


def rounded(value: float) -> float | int:
    """Seven digits, as they were kept."""
    number = float(f"{value:.7g}")
    return int(number) if number.is_integer() and abs(number) < 1e15 else number
