"""Where a rollout stands: its record, read from the first line to the last."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, TypeAlias

from jetson_deploy.fleet.end_state import EndState
from jetson_deploy.fleet.rollout.batches import Batch
from jetson_deploy.fleet.rollout.budget import UNAVAILABLE
from jetson_deploy.fleet.rollout.lines import (
    AnyLine,
    BatchJudged,
    Closed,
    DeviceEnded,
    DeviceServes,
    DeviceStarted,
    Held,
    Measured,
    NeverStarted,
    Opened,
    Refused,
    RollingBack,
    Taken,
    WentOn,
    Who,
)

Phase: TypeAlias = Literal["waiting", "working", "soaking", "ended"]

NO_BUDGET = "disruption-budget"
"""Code of a device that was deferred because too many others are away."""


class DeviceStory:
    """Of one device. `changed`: this rollout brought something there, which its rollback would undo."""

    def __init__(self, name: str, batch: Batch) -> None:
        self.name, self.batch = name, batch
        self.phase: Phase = "waiting"
        self.end: DeviceEnded | None = None
        self.started_at: str | None = None
        self.ended_at: str | None = None
        self.measured = Measured()
        self.seconds: float | None = None
        """That its own run took, to the first proof."""
        self.changed = False
        self.undone = False
        """Its part of rolling the rollout back has an end."""

    @property
    def state(self) -> EndState | None:
        """None: it has not ended."""
        return self.end.state if self.end is not None and self.phase == "ended" else None

    @property
    def untouched(self) -> bool:
        """It has an end, and nothing was begun there: it may be begun as if there had been no try."""
        return self.state == "unreachable" or (self.end is not None and self.end.code == NO_BUDGET)


class Story:
    """Raises ValueError where the first line is none that opens a record."""

    def __init__(self, lines: Iterable[AnyLine]) -> None:
        lines = iter(lines)
        opened = next(lines, None)
        if not isinstance(opened, Opened):
            raise ValueError("the first line opens no rollout")
        self.opened = opened
        self.devices = {name: DeviceStory(name, batch) for batch in opened.batches for name in batch.devices}
        self.judged: dict[int, BatchJudged] = {}
        self.closed: Closed | None = None
        self.held: str | None = None
        self.rolling_back: RollingBack | None = None
        self.who: Who | None = None
        self.taken_at: str | None = None
        """Since when the last controller works on it, or did."""
        self.began = opened.at
        self.lines = 1
        for one in opened.refused:
            self._of_device(_refused(one, opened))
        for line in lines:
            self.add(line)

    def add(self, line: AnyLine) -> None:
        self.lines += 1
        if isinstance(line, DeviceStarted | NeverStarted | DeviceServes | DeviceEnded):
            self._of_device(line)
        elif isinstance(line, Taken):
            self.who, self.taken_at, self.closed, self.held = line.who, line.at, None, None
        elif isinstance(line, BatchJudged):
            self.judged[line.batch] = line
        elif isinstance(line, Held | WentOn):
            self.held = line.why if isinstance(line, Held) else None
        elif isinstance(line, RollingBack):
            self.rolling_back = line
        elif isinstance(line, Closed):
            self.closed = line

    def _of_device(self, line: DeviceStarted | NeverStarted | DeviceServes | DeviceEnded) -> None:
        device = self.devices.get(line.device)
        if device is None:
            return
        if isinstance(line, DeviceStarted):
            device.phase, device.started_at = "working", device.started_at or line.at
        elif isinstance(line, NeverStarted):
            device.phase, device.started_at, device.changed = "waiting", None, False
        elif isinstance(line, DeviceServes):
            device.phase, device.measured, device.changed = "soaking", line.measured, True
            device.seconds = line.seconds
        else:
            device.phase, device.end, device.ended_at = "ended", line, line.at
            device.undone = self.rolling_back is not None
            device.changed = device.changed or line.state in ("proven", "failed", "needs-attention", "unknown")
            if line.measured != Measured():
                device.measured = line.measured

    def states(self, batch: Batch) -> list[EndState | None]:
        return [self.devices[name].state for name in batch.devices]

    def unavailable(self) -> set[str]:
        """By how it ended, or could not be reached when everything was read."""
        away = {name for name in self.opened.away if self.devices[name].phase == "waiting"}
        return away | {name for name, device in self.devices.items() if device.state in UNAVAILABLE}


def _refused(one: Refused, opened: Opened) -> DeviceEnded:
    reason, hint, code = one.reason, one.hint, one.code
    return DeviceEnded(at=opened.at, device=one.device, state="refused", reason=reason, hint=hint, code=code)
