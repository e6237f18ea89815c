"""The loop: sample, judge, keep the last and the recent ones, call the listeners."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec

from jetson_deploy.monitor.alerts.firing import Change, Firing
from jetson_deploy.monitor.sample import Sample

RECENT = 300
"""Samples kept for sparklines and the page."""


class Latest(msgspec.Struct, frozen=True, kw_only=True):
    sample: Sample
    firing: tuple[Firing, ...] = ()
    changes: tuple[Change, ...] = ()
    """Of this very sample."""


class Listener(Protocol):
    """Called after each sample, in the loop's thread: must not wait for anything slow."""

    def receive(self, latest: Latest) -> None: ...


class Samples(Protocol):
    def poll(self) -> None:
        """Between two samples, 10 times a second: what comes in bursts."""

    def sample(self) -> Sample: ...

    def close(self) -> None: ...


class Judges(Protocol):
    def judge(self, sample: Sample) -> tuple[Change, ...]: ...

    @property
    def firing(self) -> tuple[Firing, ...]: ...


class Monitor:
    """`period` in seconds. `latest` and `recent` may be read from any thread."""

    def __init__(
        self, samples: Samples, judge: Judges, listeners: Sequence[Listener] = (), *, period: float = 1.0
    ) -> None:
        self.period = period
        self.latest: Latest | None = None
        self.recent: deque[Sample] = deque(maxlen=RECENT)
        self._samples, self._judge, self._listeners = samples, judge, tuple(listeners)

    def look(self) -> Latest:
        """Take one sample, judge it, and pass it to the listeners."""
        sample = self._samples.sample()
        changes = self._judge.judge(sample)
        latest = Latest(sample=sample, firing=self._judge.firing, changes=changes)
        self.recent.append(sample)
        self.latest = latest
        for listener in self._listeners:
            listener.receive(latest)
        return latest

    def run(self, stop: threading.Event, *, until: Callable[[Latest], bool] | None = None) -> None:
        """Until `stop` is set, or `until` says so. Reads what comes in bursts between the samples."""
        pace = Pace(self.period)
        while not stop.is_set():
            latest = self.look()
            if until is not None and until(latest):
                return
            while not stop.is_set() and (wait := pace.next_wait()) is not None:
                stop.wait(wait)
                self._samples.poll()
            pace.begin()

    def close(self) -> None:
        self._samples.close()


POLL_SECONDS = 0.1


class Pace:
    """When a sample is due: every `period`, without drift, and without catching up after a sleep of the machine."""

    def __init__(self, period: float, clock: Callable[[], float] | None = None) -> None:
        self.period, self._clock = period, clock or time.monotonic
        self._due = self._clock() + period

    def next_wait(self) -> float | None:
        """Seconds to the next poll; None: a sample is due."""
        left = self._due - self._clock()
        return None if left <= 0 else min(left, POLL_SECONDS)

    def begin(self) -> None:
        now = self._clock()
        self._due = max(self._due + self.period, now)
