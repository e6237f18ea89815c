"""A deployment over real SSH to a board of its own: sessions killed in the middle, the board rebooted in the middle."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fleet_boards import booted_boards, controller_environment

from jetson_deploy.rehearsal.fleet.fleet import Fleet

pytestmark = pytest.mark.integration
FOLLOWER = Path(__file__).with_name("fleet_follower.py")
UNIT = "jd-fleet-1.service"
HOLD = "systemd-run --quiet --collect --unit=hold flock /run/lock/jetson-deploy-default.lock sleep 300"


@pytest.fixture
def fleet() -> Iterator[Fleet]:
    """One board; a run of the test's own holds its deployment's lock."""
    with booted_boards(1) as booted:
        hold(booted)
        yield booted


def on_board(fleet: Fleet, command: str) -> str:
    return fleet.ssh(fleet.places[0], command).stdout.strip()


def hold(fleet: Fleet) -> None:
    on_board(fleet, HOLD)
    until(lambda: on_board(fleet, "flock -n /run/lock/jetson-deploy-default.lock true || echo held") == "held")


def until(holds: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.1)


class Follower:
    """The controller, in a process of its own."""

    def __init__(self, fleet: Fleet, act: str, patience: float = 60) -> None:
        place = fleet.places[0]
        environment = [f"{key}={value}" for key, value in fleet.environment.items()]
        argv = [*fleet.enter(), sys.executable, str(FOLLOWER), str(fleet.ssh_config), place.name, act, str(patience)]
        self._process = subprocess.Popen(
            [*argv, *environment], env=controller_environment(fleet), stdout=subprocess.PIPE, text=True
        )

    def __enter__(self) -> Follower:
        return self

    def __exit__(self, *error: object) -> None:
        self._process.kill()
        self._process.communicate()

    def line(self) -> str:
        return "" if self._process.stdout is None else self._process.stdout.readline()

    def waits_for_the_lock(self) -> None:
        seen = [self.line()]
        while "waiting for another run" not in seen[-1]:
            assert seen[-1], seen
            seen.append(self.line())

    def told(self) -> tuple[list[dict[str, Any]], dict[str, Any]]:
        """Its further events, and the result."""
        stdout, _ = self._process.communicate(timeout=120)
        *events, result = [json.loads(line) for line in stdout.splitlines()]
        return events, result


def result_of(fleet: Fleet, act: str, patience: float = 60) -> dict[str, Any]:
    with Follower(fleet, act, patience) as controller:
        return controller.told()[1]


def test_ssh_sessions_that_are_killed_lose_the_view_alone(fleet: Fleet) -> None:
    with Follower(fleet, "deploy") as controller:
        controller.waits_for_the_lock()
        before = on_board(fleet, f"systemctl show -p MainPID --value {UNIT}")
        on_board(fleet, "pkill -KILL -f '^sshd: root'")
        assert "connection lost" in controller.line()
        assert on_board(fleet, f"systemctl show -p MainPID --value {UNIT}") == before != "0"
        on_board(fleet, "systemctl stop hold")
        events, result = controller.told()
    assert (result["state"], result["code"]) == ("refused", "engine-stopped")
    assert [event["event"] for event in events].count("finished") == 1
    assert result_of(fleet, "take-up") == result
    assert result_of(fleet, "deploy") == result
    until(lambda: on_board(fleet, "pgrep -f '^tail .*events.ndjson' || echo none") == "none")


def test_a_board_that_is_rebooted_in_the_middle_is_asked_again_and_not_started_again(fleet: Fleet) -> None:
    with Follower(fleet, "deploy", patience=4) as controller:
        controller.waits_for_the_lock()
        first = fleet.init_of(fleet.places[0])
        on_board(fleet, "systemctl reboot --force --force")
        until(lambda: fleet.init_of(fleet.places[0]) not in (None, first))
        _, result = controller.told()
    # It has no engine, so its own record cannot say what serves.
    assert (result["state"], result["code"]) == ("unknown", "not-ready")
    folder = "/var/lib/jetson-deploy/fleet/jd-fleet-1"
    there = on_board(fleet, f"ls {folder}; systemctl is-active {UNIT}").split()
    assert ("before.json" in there, "result.json" in there, there[-1]) == (True, False, "inactive")
    assert result_of(fleet, "take-up", patience=0)["state"] == "unknown"
