"""A connection that only trickles is as good as a silent one: noticed over the same patience."""

from __future__ import annotations


class Trickle:
    """Watches one response: fewer than `least_rate` bytes a second over `seconds` of waiting is too slow."""

    def __init__(self, seconds: float, least_rate: float) -> None:
        self._seconds, self._least = seconds, seconds * least_rate
        self._waited, self._came = 0.0, 0

    def is_too_slow(self, count: int, waited: float) -> bool:
        """`count` bytes came after `waited` seconds of waiting for the network (not for a disk or a cap)."""
        self._waited += waited
        self._came += count
        if self._waited < self._seconds:
            return False
        slow = bool(count) and self._came < self._least
        self._waited, self._came = 0.0, 0
        return slow
