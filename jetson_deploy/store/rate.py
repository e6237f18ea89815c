"""A bandwidth cap that several connections share."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable

from jetson_deploy.errors import UsageError
from jetson_deploy.names import shown

BURST_SECONDS = 0.1
"""What an idle time may save up: so much may pass at once after it."""
SLICE_SECONDS = 0.05
MOST_SLICE_BYTES = 1 << 20

_RATE = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,9})?)([KMG]?)", re.IGNORECASE)
_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}


class RateLimit:
    """So many bytes a second over all its callers together, first come, first served. Thread-safe.

    None or 0 is no limit. `sleep` may return early (`stop.wait` of an event): the call then ends, and the bytes
    count as taken.
    """

    def __init__(
        self,
        bytes_per_second: float | None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self._rate = bytes_per_second or None
        self._clock, self._sleep = clock, sleep
        self._lock = threading.Lock()
        self._paid_at = 0.0
        """When everything that was taken so far has passed at the rate."""

    @property
    def slice_bytes(self) -> int:
        """How much to take at a time, so that no connection waits long: 1 byte to 1 MiB."""
        if self._rate is None:
            return MOST_SLICE_BYTES
        return max(1, min(int(self._rate * SLICE_SECONDS), MOST_SLICE_BYTES))

    def take(self, count: int) -> None:
        """Wait until `count` bytes may pass; more than a burst waits for the rest of it."""
        if self._rate is None or count <= 0:
            return
        with self._lock:
            now = self._clock()
            self._paid_at = max(self._paid_at, now - BURST_SECONDS) + count / self._rate
            wait = self._paid_at - now
        if wait > 0:
            self._sleep(wait)


def parse_rate(text: str, *, limit: bool = True) -> float:
    """Bytes a second of `500K`, `2.5M`, `1G` or a number of bytes, as curl's --limit-rate (K is 1024).

    `limit`: it is one, and 0 is none; else 0 is refused. Raises UsageError `bad-rate`.
    """
    match = _RATE.fullmatch(text)
    rate = float(match[1]) * _UNITS[match[2].upper()] if match else -1.0
    if rate < 1 and not (limit and rate == 0):
        zero = "; 0 is no limit" if limit else ""
        raise UsageError(
            f"{shown(text)} is not a rate",
            hint=f"give bytes a second, with K, M or G if you like: 500K, 2.5M{zero}",
            code="bad-rate",
        )
    return rate
