"""A unit under a real systemd: it outlives who started it, is started once, and ends in order."""

from __future__ import annotations

import asyncio
import fcntl
import json
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from namespace_transport import NamespaceTransport
from planted_secrets import Planted
from small_systemd import SmallSystemd, booted

from jetson_deploy.events import Event
from jetson_deploy.fleet.connection import Connection
from jetson_deploy.fleet.deploy import DeviceJobs
from jetson_deploy.fleet.device import Device
from jetson_deploy.fleet.end_state import DeviceResult

pytestmark = pytest.mark.integration
TOOL = Path(sys.executable).with_name("jetson-deploy")
SECRET = "a-planted-token-5309"
UNIT = "jd-fleet-20260102T030405Z-beef.service"


class Board:
    """Its `up` waits for the deployment's lock, which the test holds, and then finds no engine."""

    def __init__(self, folder: Path, systemd: SmallSystemd) -> None:
        self.systemd, self.folder = systemd, folder / "state" / "fleet" / UNIT.partition(".")[0]
        environment = {
            "JETSON_DEPLOY_STATE_DIR": str(folder / "state"),
            "JETSON_DEPLOY_LOCK_DIR": str(folder / "lock"),
            "JETSON_DEPLOY_CREDENTIALS": f"/root/{SECRET}",
            "DOCKER_HOST": f"unix://{folder}/none.sock",
        }
        self.device = Device(name="board-1", environment=environment, settings={"model": "1.5b"})
        self.lock = (folder / "lock" / "jetson-deploy-default.lock").open("w")
        fcntl.flock(self.lock, fcntl.LOCK_EX)
        self.events: list[Event] = []

    def transport(self) -> NamespaceTransport:
        return NamespaceTransport(self.systemd.pid)

    def jobs(self, transport: NamespaceTransport) -> DeviceJobs:
        return DeviceJobs(transport, UNIT[9:-8], brought, arguments=("--wait",), tool=str(TOOL), patience=0)

    def report(self, device: Device, event: Event) -> None:
        self.events.append(event)

    def take_up(self) -> DeviceResult | None:
        return asyncio.run(self.jobs(self.transport()).take_up(self.device, self.report))

    def shown(self, name: str) -> str:
        return self.systemd.shown(UNIT, name)

    def cut_while_it_waits(self) -> DeviceResult:
        """The connection goes while `up` waits for the lock, and does not come back."""
        transport = self.transport()
        self.events.clear()

        async def run() -> DeviceResult:
            deployment = asyncio.ensure_future(self.jobs(transport).deploy(self.device, self.report))
            while not self.events and not deployment.done():
                await asyncio.sleep(0.05)
            transport.connect = unreachable  # type: ignore[method-assign, assignment]
            transport.cut()
            return await deployment

        return asyncio.run(run())


def unreachable(device: Device) -> NamespaceTransport:
    from jetson_deploy.fleet.failure import DeviceError

    raise DeviceError("no route", hint="-", code="unreachable")


async def brought(connection: Connection) -> str:
    return str(TOOL)


def until(holds: Callable[[], bool], seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.fixture
def board(tmp_path: Path) -> Iterator[Board]:
    (tmp_path / "units").mkdir()
    (tmp_path / "lock").mkdir()
    with booted(tmp_path, ()) as systemd:
        found = Board(tmp_path, systemd)
        yield found
        found.lock.close()


def test_a_lost_connection_ends_nothing_there_and_each_event_is_seen_once_afterwards(board: Board) -> None:
    lost = board.cut_while_it_waits()
    assert lost.state == "unknown", lost
    assert (board.shown("ActiveState"), board.shown("Type")) == ("active", "exec")
    first = board.shown("MainPID")
    planted = Planted(SECRET)
    assert planted.said(*(board.shown(place) for place in ("ExecStart", "Environment", "Description"))) == []
    assert planted.said(board.systemd.run("sh", "-c", "cat /proc/[0-9]*/cmdline")) == []
    assert planted.files(board.folder, given=[board.folder / "wanted.json"]) == []
    assert [path.stat().st_mode & 0o777 for path in (board.folder, board.folder / "wanted.json")] == [0o700, 0o600]
    # A second start is answered with the unit that runs.
    assert board.cut_while_it_waits().state == "unknown"
    assert board.shown("MainPID") == first
    board.events.clear()
    fcntl.flock(board.lock, fcntl.LOCK_UN)
    found = board.take_up()
    assert found is not None
    assert (found.state, found.code) == ("refused", "not-a-jetson")
    told = [type(event).__name__ for event in board.events]
    assert told == ["Note", "Finished"]
    # Ended: the result is what it was, and nothing is started again.
    assert board.take_up() == found
    assert asyncio.run(board.jobs(board.transport()).deploy(board.device, board.report)) == found
    assert board.shown("ActiveState") == "inactive"
    until(lambda: "jd-follow" not in board.systemd.run("sh", "-c", "cat /proc/[0-9]*/comm"))
    until(lambda: "events.ndjson" not in board.systemd.run("sh", "-c", "cat /proc/[0-9]*/cmdline | tr '\\0' ' '"))


def test_a_unit_that_is_stopped_lets_up_end_in_its_own_way(board: Board) -> None:
    board.cut_while_it_waits()
    board.systemd.systemctl("stop", UNIT)
    result = json.loads((board.folder / "result.json").read_text())
    assert (result["exit_code"], result["stopped"], result["finished"]["result"]) == (130, True, "interrupted")


def test_a_runner_that_is_killed_takes_up_along_and_leaves_no_result(board: Board) -> None:
    board.cut_while_it_waits()
    board.systemd.kill(UNIT, signal.SIGKILL)
    until(lambda: board.shown("ActiveState") == "inactive")
    assert not (board.folder / "result.json").exists()
    assert "jetson_deploy\0up" not in board.systemd.run("sh", "-c", "cat /proc/[0-9]*/cmdline")
    # Without an engine its record cannot be read: that is said, and never taken for a success.
    found = board.take_up()
    assert found is not None
    assert (found.state, found.code) == ("failed", "not-ready")


def test_a_tool_that_is_broken_is_a_refusal_with_its_last_words(board: Board, tmp_path: Path) -> None:
    broken = tmp_path / "jetson-deploy"
    broken.write_text("#!/usr/bin/false\n")

    async def half(connection: Connection) -> str:
        return str(broken)

    jobs = DeviceJobs(board.transport(), UNIT[9:-8], half, tool=str(TOOL), patience=0)
    found = asyncio.run(jobs.deploy(board.device, board.report))
    assert (found.state, found.code) == ("refused", "not-started")
    assert asyncio.run(jobs.take_up(board.device, board.report)) is None
