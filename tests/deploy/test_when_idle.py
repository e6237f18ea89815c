"""Whether a deployment is in use: the log tells what ended, the work what goes on; what is not seen is said."""

from __future__ import annotations

from typing import Any

import pytest
from container import FakeContainer
from runtime import FakeRuntime
from server import FakeServer

from jetson_deploy.deploy.in_use import Clocks, check_idle
from jetson_deploy.deployment.instance import Instance
from jetson_deploy.deployment.record import Record
from jetson_deploy.errors import LockedError
from jetson_deploy.events import Event, Note
from jetson_deploy.runtime.port import Usage

NOW = 1767225600.0 + 3600  # 2026-01-01T01:00:00Z
NAME = "jd-default-1"


class Board:
    def __init__(self, *lines: tuple[str, str], cores: float | None = 0.0) -> None:
        self.runtime, self.events = FakeRuntime(), list[Event]()
        self.container: FakeContainer = self.runtime.add(NAME, {})
        self.container.log.extend(lines)
        self.cores, self.elapsed = cores, 0.0
        self._use(0.0)

    def _use(self, seconds: float) -> None:
        used = None if self.cores is None else self.cores * seconds
        self.container.usage = Usage(cpu_seconds=used, memory_bytes=None)

    def sleep(self, seconds: float) -> None:
        self.elapsed += seconds
        self._use(self.elapsed)

    def check(self, seconds: float = 60) -> None:
        serving = Instance(container_id=self.container.id, container=NAME, state="running", record=Record.read({}))
        clocks = Clocks(now=lambda: NOW, elapsed=lambda: self.elapsed, sleep=self.sleep)
        check_idle(self.runtime, FakeServer().of, serving, seconds, self.events.append, clocks)

    @property
    def notes(self) -> list[str]:
        return [event.text for event in self.events if isinstance(event, Note)]


def at(clock: str, text: str = "asked by a client") -> tuple[str, str]:
    return f"2026-01-01T{clock}.123456789Z", text


@pytest.mark.parametrize(
    ("lines", "cores", "why"),
    [
        ([at("00:59:30")], 0.0, "its last request ended 30 s ago"),
        ([at("00:10:00"), at("00:59:01"), at("00:59:59", "another line")], 0.0, "its last request ended 59 s ago"),
        ([at("01:00:30")], 0.0, "its last request ended 0 s ago"),  # the clock was set back
        ([at("00:10:00")], 1.5, "it is at work now (1.5 cores)"),
        ([], 0.2, "it is at work now (0.2 cores)"),
        ([at("00:59:30")], None, "its last request ended 30 s ago"),
    ],
)
def test_a_deployment_that_is_used_is_left_as_it_is(lines: list[Any], cores: float | None, why: str) -> None:
    with pytest.raises(LockedError) as caught:
        Board(*lines, cores=cores).check()
    assert (caught.value.code, caught.value.exit_code) == ("in-use", 75)
    assert why in caught.value.message


@pytest.mark.parametrize(
    "lines", [[], [at("00:58:59")], [at("00:59:59", "our own question")], [("no time", "asked by a client")]]
)
def test_one_that_was_asked_nothing_for_so_long_may_be_replaced(lines: list[Any]) -> None:
    board = Board(*lines)
    board.check()
    assert board.notes == []


def test_one_that_does_not_run_is_not_in_use() -> None:
    board = Board(at("00:59:59"), cores=3.0)
    board.container.state = "exited"
    board.check()
    assert board.notes == []


def test_what_cannot_be_seen_is_said_and_keeps_nothing_from_being_done() -> None:
    uncounted, away = Board(cores=None), Board(at("00:59:59"))
    uncounted.check()
    away.runtime.away = "no engine"
    away.check()
    said = "whether the deployment is in use is not known, going on: "
    assert uncounted.notes == [f"{said}the engine does not count its work, so a request that goes on is not seen"]
    assert away.notes == [f"{said}no engine"]
