"""Progress of one model in bytes, reported often enough for a person and seldom enough for a log."""

from __future__ import annotations

from collections.abc import Callable

from jetson_deploy.events import Progress, Reporter

INTERVAL_SECONDS = 0.1


class Meter:
    """Counts done bytes; reports at most every INTERVAL_SECONDS, and at each change of phase."""

    def __init__(self, item: str, total_bytes: int, report: Reporter, clock: Callable[[], float]) -> None:
        self.done = 0
        self._item, self._total, self._report, self._clock = item, total_bytes, report, clock
        self._phase = "fetching"
        self._told: tuple[int, str] | None = None
        self._told_at = float("-inf")

    def phase(self, phase: str) -> None:
        self._phase = phase

    def advance(self, count: int) -> None:
        """`count` more bytes are done; negative when they turned out wrong."""
        self.done += count
        if self._clock() - self._told_at >= INTERVAL_SECONDS:
            self.tell()

    def tell(self) -> None:
        """Report now, unless nothing has changed since the last time."""
        if self._told == (self.done, self._phase):
            return
        self._told, self._told_at = (self.done, self._phase), self._clock()
        self._report(Progress(item=self._item, done_bytes=self.done, total_bytes=self._total, phase=self._phase))
