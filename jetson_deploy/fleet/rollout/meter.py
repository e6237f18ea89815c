"""What a deployment measured on its way, read from its own events: the device's durations, never its clock."""

from __future__ import annotations

from collections.abc import Mapping

from jetson_deploy.events import Event, Progress, StepFinished
from jetson_deploy.fleet.rollout.lines import Measured

_AWAY = ("stop-container", "start-container", "prove")
"""Steps in which the old server serves no more, and the new one does not yet."""


class Meter:
    """Of one device."""

    def __init__(self) -> None:
        self._first: dict[str, int] = {}
        self._bytes: dict[str, int] = {}
        self._seconds: dict[str, float] = {}
        self._rate: float | None = None

    def see(self, event: Event) -> None:
        if isinstance(event, Progress) and event.phase == "fetching" and event.item.startswith("model "):
            first = self._first.setdefault(event.item, event.done_bytes)
            self._bytes[event.item] = event.done_bytes - first
        elif isinstance(event, StepFinished):
            self._seconds[event.step] = self._seconds.get(event.step, 0.0) + event.seconds
            if event.step == "stage-model" and event.seconds > 0:
                fetched = sum(self._bytes.values())
                self._rate = fetched / event.seconds if fetched > 0 else None

    def measured(self, document: Mapping[str, object] | None) -> Measured:
        """`document`: the answer of `up --json`. Without an old server that was stopped there was no downtime."""
        rate = (document or {}).get("tokens_per_second")
        away = [self._seconds[step] for step in _AWAY if step in self._seconds]
        return Measured(
            bytes_per_second=self._rate,
            downtime_seconds=round(sum(away), 2) if "stop-container" in self._seconds else None,
            tokens_per_second=float(rate) if isinstance(rate, int | float) and not isinstance(rate, bool) else None,
        )
