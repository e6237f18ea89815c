"""The lines of a unit's events as they come over one connection after another: each event once, by its counter."""

from __future__ import annotations

import msgspec

from jetson_deploy.events import Event, Note, read_event
from jetson_deploy.fleet.job.folder import JobResult, Line

_DECODER = msgspec.json.Decoder(Line)


class EventLog:
    def __init__(self) -> None:
        self.offset = 0
        """Bytes of the file that need not be read again."""
        self.result: JobResult | None = None
        self._last = 0
        self._odd = 0

    def reopened(self, size: int | None = None) -> None:
        """Another reading begins at `offset`. `size`: of the file, where it is known."""
        self._odd = 0
        if size is not None and size < self.offset:
            self.offset = 0  # another file: what was seen is known by its counter

    def take(self, raw: bytes) -> tuple[Event, ...]:
        """What a line tells. The end of one that was cut is not one yet: it is read again after the cut."""
        try:
            line = _DECODER.decode(raw)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            self._odd += len(raw) + 1
            return ()
        self.offset += self._odd + len(raw) + 1
        self._odd = 0
        if line.n <= self._last:
            return ()
        missing, self._last = line.n - self._last - 1, line.n
        if isinstance(line.result, JobResult):
            self.result = line.result
        return (*_gap(missing), *_event(line))


def _gap(missing: int) -> tuple[Event, ...]:
    return (Note(level="warning", text=f"{missing} of the device's events are missing"),) if missing else ()


def _event(line: Line) -> tuple[Event, ...]:
    """None of a heartbeat, nor of what a newer tool says."""
    if isinstance(line.event, msgspec.UnsetType):
        return ()
    event = read_event(bytes(line.event))
    return (event,) if event is not None else ()
