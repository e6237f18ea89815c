"""Boards that outlive their controller, and a controller that can be killed: for tests of the rollout."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path

from jetson_deploy.events import Event
from jetson_deploy.fleet.device import Device
from jetson_deploy.fleet.end_state import DeviceResult, EndState
from jetson_deploy.fleet.rollout.amount import Amount
from jetson_deploy.fleet.rollout.begin import begin
from jetson_deploy.fleet.rollout.executor import carry_out
from jetson_deploy.fleet.rollout.lines import AnyLine, Asked, Line, Opened, Taken, Who
from jetson_deploy.fleet.rollout.record import Record, created, read, taken
from jetson_deploy.fleet.rollout.run import Clock, Run
from jetson_deploy.fleet.rollout.sequence import rules
from jetson_deploy.fleet.rollout.story import Story
from jetson_deploy.fleet.rollout.work import Report

ID = "20261129T120000Z-00aa"


class Killed(BaseException):
    """kill -9: nothing that follows runs."""


SECONDS = 12.5
"""That each `up` takes."""


class Board:
    """What is on the device, whoever asks. `behaviour`: the end of its `up`, or a word of `FakeWork`."""

    def __init__(self, name: str, behaviour: str = "proven", had: str | None = "old") -> None:
        self.device = Device(name=name, variables={"rack": name[0]})
        self.behaviour, self.had, self.serves = behaviour, had, had
        self.unit: str | None = None
        self.starts = 0
        self.asked = 0
        self.undone = False

    def finish(self) -> DeviceResult:
        """The unit runs to its end, followed or not."""
        self.unit = "ended"
        state: EndState = {
            "second-proof-fails": "proven",
            "cut-then-proven": "proven",
            "cut-for-ever": "proven",
        }.get(self.behaviour, self.behaviour)  # type: ignore[assignment]
        if state == "proven" and not self.undone:
            self.serves = "new"
        elif state == "failed":
            self.serves = None
        reason = "" if state == "proven" else f"it {state}"
        return DeviceResult(device=self.device.name, state=state, reason=reason, seconds=SECONDS)


class FakeWork:
    """`most`: how many were at work at once. `killed_after`: of calls that ended, the one that the kill follows."""

    def __init__(self, boards: Sequence[Board], killed_after: int | None = None) -> None:
        self.boards = {board.device.name: board for board in boards}
        self.now: set[str] = set()
        self.most: list[frozenset[str]] = []
        self.calls: list[str] = []
        self._left = killed_after

    def _ended(self) -> None:
        if self._left is not None:
            self._left -= 1
            if self._left < 0:
                raise Killed

    async def deploy(self, device: Device, report: Report) -> DeviceResult:
        board = self.boards[device.name]
        self.calls.append(f"deploy {device.name}")
        if board.behaviour == "unreachable":
            return DeviceResult(device=device.name, state="unreachable", reason="no answer")
        board.starts += 1
        board.unit = "running"
        self.now.add(device.name)
        self.most.append(frozenset(self.now))
        try:
            for _ in range(3):
                await asyncio.sleep(0)
        finally:
            self.now.discard(device.name)
        if board.behaviour.startswith("cut"):
            return DeviceResult(device=device.name, state="unknown", reason="the connection was lost")
        result = board.finish()
        self._ended()
        return result

    async def prove(self, device: Device) -> DeviceResult:
        self.calls.append(f"prove {device.name}")
        await asyncio.sleep(0)
        self._ended()
        if self.boards[device.name].behaviour == "second-proof-fails":
            return DeviceResult(device=device.name, state="failed", reason="it no longer answers")
        return DeviceResult(device=device.name, state="unchanged")

    async def roll_back(self, device: Device) -> DeviceResult:
        board = self.boards[device.name]
        self.calls.append(f"roll-back {device.name}")
        await asyncio.sleep(0)
        changed, board.serves, board.undone = board.serves != board.had, board.had, True
        self._ended()
        return DeviceResult(device=device.name, state="rolled-back" if changed else "unchanged")

    async def take_up(self, device: Device, report: Report) -> DeviceResult | None:
        board = self.boards[device.name]
        self.calls.append(f"take-up {device.name}")
        await asyncio.sleep(0)
        board.asked += 1
        if board.behaviour == "cut-for-ever":
            return DeviceResult(device=device.name, state="unknown", reason="no answer")
        return None if board.unit is None else board.finish()


class FakeClock:
    def __init__(self, now: datetime = datetime(2026, 11, 29, 12, tzinfo=timezone.utc)) -> None:
        self.time = now
        self.slept: list[float] = []
        self.at_sleep: Callable[[float], None] = lambda seconds: None

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.time += timedelta(seconds=seconds)
        self.at_sleep(seconds)
        await asyncio.sleep(0)

    @property
    def clock(self) -> Clock:
        return Clock(now=lambda: self.time, sleep=self.sleep)


def everything(pattern: str, devices: Sequence[Device]) -> list[Device]:
    """The host patterns of these tests: `all`, a name, the letter that names begin with."""
    return [device for device in devices if pattern == "all" or device.name.startswith(pattern)]


def begun(
    boards: Sequence[Board],
    section: Mapping[str, object] | None = None,
    *,
    canaries: tuple[str, ...] = (),
    keys: Mapping[str, str | None] | None = None,
    size: Amount | None = None,
    results: Sequence[DeviceResult] = (),
    named: str = ID,
) -> Opened:
    devices = [board.device for board in boards]
    return begin(
        named,
        devices,
        rules(section),
        inventory="fleet.yaml",
        asked=Asked(model="7b"),
        match=everything,
        keys={device.name: "orin" for device in devices} if keys is None else keys,
        canaries=canaries,
        size=size,
        read=results,
    )


class Controller:
    """Of one rollout. `killed_at`: the line of the record after which it is killed."""

    def __init__(self, directory: Path, work: FakeWork, clock: FakeClock | None = None) -> None:
        self.directory, self.work, self.fake_clock = directory, work, clock or FakeClock()
        self.killed_at: int | None = None
        self.at_line: Callable[[AnyLine], None] = lambda line: None
        self.events: list[Event] = []

    def up(self, start: Opened, *, rollback_all: bool = False) -> Story:
        with created(self.directory) as record:
            self._append(record, start)
            run = self._run(record, Story([start]))
            run.write(WHO)
            asyncio.run(carry_out(run, rollback_all=rollback_all))
        return read(self.directory)

    def resume(self, *, rollback_all: bool = False) -> Story:
        with taken(self.directory) as (record, story):
            run = self._run(record, story)
            run.write(WHO)
            asyncio.run(carry_out(run, rollback_all=rollback_all))
        return read(self.directory)

    def _append(self, record: Record, line: Line) -> None:
        self._seen(record.append(line, "2026-11-29T12:00:00+00:00"))

    def _run(self, record: Record, story: Story) -> Run:
        devices = {name: board.device for name, board in self.work.boards.items()}
        report: Report = lambda device, event: self.events.append(event)  # noqa: E731
        return Run(record, story, self.work, devices, clock=self.fake_clock.clock, report=report, see=self._seen)

    def _seen(self, line: AnyLine) -> None:
        self.at_line(line)
        if self.killed_at is not None and line.n == self.killed_at:
            raise Killed


WHO = Taken(who=Who(user="someone", host="laptop", pid=1))


def ends(story: Story) -> dict[str, str]:
    """Device → its end state, or its phase."""
    return {name: device.state or device.phase for name, device in story.devices.items()}
