"""Samples → what happened between them: alerts, counters that rose, a reboot, a clock that was set."""

from __future__ import annotations

from collections.abc import Iterator

from jetson_deploy.monitor.history.batch import HistoryEvent
from jetson_deploy.monitor.history.clock import MINUTE, milliseconds
from jetson_deploy.monitor.monitor import Latest
from jetson_deploy.monitor.sample import Sample

Counter = tuple[str, str]
"""(name, subject)."""
_JUMP_SECONDS = 5.0
_REQUESTS = "requests"
"""Counted from the monitor's start; the others from the boot."""


class Happened:
    """`boot`: of the last recording, where it is known."""

    def __init__(self, boot: str | None) -> None:
        self._boot = boot
        self._started = False
        self._offset: float | None = None
        self._before: dict[Counter, int] = {}
        self._minute: int | None = None
        self._rose: dict[Counter, int] = {}

    def events(self, latest: Latest) -> list[HistoryEvent]:
        """In their order."""
        at = milliseconds(latest.sample.at)
        found = [*self._boots(latest.sample, at), *self._jumps(latest.sample, at)]
        for change in latest.changes:
            alert = change.alert
            found.append(
                HistoryEvent(
                    at=milliseconds(change.at),
                    kind="alert",
                    name=alert.id,
                    subject=alert.subject,
                    state=f"{change.state} {alert.severity}",
                    value=alert.value,
                    text=f"{alert.title}: {alert.cause}",
                )
            )
        return found + self._counted(latest.sample, at)

    def ended(self, at: int) -> list[HistoryEvent]:
        """Of the last minute, and the end of the recorder; nothing where it never started."""
        return [*self._taken(), HistoryEvent(at=at, kind="recorder", name="ended")] if self._started else []

    def _boots(self, sample: Sample, at: int) -> Iterator[HistoryEvent]:
        boot = sample.board.boot_id
        if boot is not None and self._boot not in (None, boot):
            self._before = {counter: count for counter, count in self._before.items() if counter[0] == _REQUESTS}
            yield HistoryEvent(at=at, kind="recorder", name="rebooted", text=boot)
        if not self._started:
            yield HistoryEvent(at=at, kind="recorder", name="started", text=boot or self._boot or "")
            if sample.simulated:
                yield HistoryEvent(at=at, kind="recorder", name="simulated", text=sample.simulated)
        self._started, self._boot = True, boot or self._boot

    def _jumps(self, sample: Sample, at: int) -> Iterator[HistoryEvent]:
        offset, before = sample.at - sample.monotonic, self._offset
        self._offset = offset
        if before is not None and abs(offset - before) > _JUMP_SECONDS:
            yield HistoryEvent(at=at, kind="recorder", name="clock-jump", value=round(offset - before, 3))

    def _counted(self, sample: Sample, at: int) -> list[HistoryEvent]:
        minute = at // MINUTE * MINUTE
        found = self._taken() if minute != self._minute else []
        self._minute = minute
        for counter, count in _counters(sample):
            before = self._before.get(counter)
            self._before[counter] = count
            # One that is new began at 0 when the server was seen before; a board's counters are older than we are.
            if before is None:
                before = 0 if counter[0] == _REQUESTS else count
            if rose := count - before if count >= before else count:
                self._rose[counter] = self._rose.get(counter, 0) + rose
        return found

    def _taken(self) -> list[HistoryEvent]:
        rose, self._rose = self._rose, {}
        at = self._minute or 0
        return [
            HistoryEvent(at=at, kind="count", name=name, subject=subject, value=float(value))
            for (name, subject), value in rose.items()
        ]


def _counters(sample: Sample) -> Iterator[tuple[Counter, int]]:
    for event in sample.board.throttle_events:
        yield ("throttle-events", event.domain), event.count
    for line in sample.board.over_currents:
        yield ("over-current", line.line), line.count
    if sample.llm.server:
        for request in sample.llm.server.requests:
            yield (_REQUESTS, f"{request.path} {request.code}"), request.count
