"""One controller's work on one rollout: its record, its clock, and what is going on now."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timezone
from typing import TypeVar

import msgspec

from jetson_deploy.errors import JetsonDeployError
from jetson_deploy.fleet.device import Device
from jetson_deploy.fleet.end_state import DeviceResult
from jetson_deploy.fleet.rollout.control import asked
from jetson_deploy.fleet.rollout.lines import AnyLine, Held, Line, WentOn
from jetson_deploy.fleet.rollout.record import Record
from jetson_deploy.fleet.rollout.story import Story
from jetson_deploy.fleet.rollout.work import Report, Work

Result = TypeVar("Result")


class Clock(msgspec.Struct, frozen=True, kw_only=True):
    now: Callable[[], datetime]
    """With the controller's time zone."""
    sleep: Callable[[float], Awaitable[None]]


class Run:
    """`see`: is given every line that was written."""

    def __init__(
        self,
        record: Record,
        story: Story,
        work: Work,
        devices: Mapping[str, Device],
        *,
        clock: Clock,
        report: Report,
        see: Callable[[AnyLine], None],
    ) -> None:
        self.story, self.work, self.devices, self.clock = story, work, devices, clock
        self.at_work: set[str] = set()
        """Asked, or being changed: not available until that has ended."""
        self.untouched = {device.name for device in story.devices.values() if device.untouched}
        """Of an earlier controller's ends: nothing was begun there, so this one may try."""
        self.report = report
        self._record, self._see = record, see

    def write(self, line: Line) -> None:
        written = self._record.append(line, stamp(self.clock.now()))
        self.story.add(written)
        self._see(written)

    def unavailable(self) -> set[str]:
        return self.story.unavailable() | self.at_work

    def aborted(self) -> bool:
        return asked(self._record.directory) == "abort"

    def held(self) -> bool:
        """May no new device be started now? What changed of that is written."""
        why = self._why_held()
        if why != self.story.held:
            self.write(WentOn() if why is None else Held(why=why))
        return why is not None

    def _why_held(self) -> str | None:
        if asked(self._record.directory) == "pause":
            return "paused"
        window = self.story.opened.window
        if window is None or window.is_open(self.clock.now()):
            return None
        return f"outside the update window; it opens {window.next_opening(self.clock.now()):%a %H:%M}"


def stamp(now: datetime) -> str:
    return now.astimezone(timezone.utc).isoformat(timespec="seconds")


async def answered(name: str, act: Awaitable[Result]) -> Result | DeviceResult:
    """An error that should have been a result: what happened there is not known."""
    try:
        return await act
    except JetsonDeployError as error:
        return DeviceResult(device=name, state="unknown", reason=error.message, hint=error.hint, code=error.code)
