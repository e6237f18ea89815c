"""Valid times of a history, and milliseconds since 1970, in which it stores them."""

from __future__ import annotations

EARLIEST = 1_704_067_200_000
"""2024-01-01 UTC: no board has a history older than this tool. A clock without a battery starts in 1970."""
LATEST = 2_524_608_000_000
"""2050-01-01 UTC, as `detect.clock`."""
DAY = 86_400_000
MINUTE = 60_000


def milliseconds(seconds: float) -> int:
    return round(seconds * 1000)


def believable(at: int) -> bool:
    return EARLIEST <= at < LATEST


class Steadiness:
    """Since when wall clock and monotonic clock have gone at the same pace: before it is an hour, nothing is
    deleted by the wall clock. Both in seconds."""

    ENOUGH = 3600.0
    _JUMP = 60.0

    def __init__(self) -> None:
        self._offset: float | None = None
        self._since = 0.0

    def is_steady(self, wall: float, monotonic: float) -> bool:
        offset = wall - monotonic
        if self._offset is None or abs(offset - self._offset) > self._JUMP:
            self._offset, self._since = offset, monotonic
        return believable(milliseconds(wall)) and monotonic - self._since >= self.ENOUGH
