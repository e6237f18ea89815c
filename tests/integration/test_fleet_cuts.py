"""Deployments over real SSH to a light board: changed and brought back, sessions killed, rebooted in the middle."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from fleet_boards import booted_boards, controller_environment
from fleet_follower import Act, Told

from jetson_deploy.rehearsal.fleet.fleet import Fleet

pytestmark = [pytest.mark.integration, pytest.mark.fault("F22")]
FOLLOWER = Path(__file__).with_name("fleet_follower.py")
LOCK = "/run/lock/jetson-deploy-default.lock"


@pytest.fixture(scope="module")
def fleet() -> Iterator[Fleet]:
    """One board, with revision 1 deployed."""
    with booted_boards(1, kind="light") as booted:
        yield booted


def on_board(fleet: Fleet, command: str) -> str:
    return fleet.ssh(fleet.places[0], command).stdout.strip()


def until(holds: Callable[[], bool], seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def hold(fleet: Fleet) -> None:
    """Another run has the deployment's lock, until `systemctl stop hold`: so `up --wait` waits."""
    on_board(fleet, f"systemd-run --quiet --collect --unit=hold flock {LOCK} sleep 300")
    until(lambda: on_board(fleet, f"flock -n {LOCK} true || echo held") == "held")


class Follower:
    """The controller, in a process of its own."""

    def __init__(self, fleet: Fleet, act: Act, rollout: str, **told: Any) -> None:
        config, device = str(fleet.ssh_config), fleet.places[0].name
        what = Told(act=act, ssh_config=config, device=device, rollout=rollout, environment=fleet.environment, **told)
        argv = [*fleet.enter(), sys.executable, str(FOLLOWER), msgspec.json.encode(what).decode()]
        self._process = subprocess.Popen(argv, env=controller_environment(fleet), stdout=subprocess.PIPE, text=True)

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


def result_of(fleet: Fleet, act: Act, rollout: str, **told: Any) -> dict[str, Any]:
    with Follower(fleet, act, rollout, **told) as controller:
        return controller.told()[1]


def test_a_change_is_proven_twice_and_taken_back_once(fleet: Fleet) -> None:
    done = result_of(fleet, "deploy", "change", settings={"context": 2048})
    assert (done["state"], done["document"]["container"]) == ("proven", "jd-default-2"), done
    assert done["downtime_seconds"] > 0
    assert result_of(fleet, "prove", "change")["state"] == "unchanged"
    back = result_of(fleet, "roll_back", "change")
    assert (back["state"], back["document"]["container"], back["document"]["context_tokens"]) == (
        "rolled-back",
        "jd-default-3",
        4096,
    )
    assert result_of(fleet, "roll_back", "change") == back


@pytest.mark.fault("F22")
def test_ssh_sessions_that_are_killed_lose_the_view_alone(fleet: Fleet) -> None:
    hold(fleet)
    main_pid = "systemctl show -p MainPID --value jd-fleet-killed.service"
    with Follower(fleet, "deploy", "killed") as controller:
        controller.waits_for_the_lock()
        before = on_board(fleet, main_pid)
        on_board(fleet, "pkill -KILL -f '^sshd: root'")
        assert "connection lost" in controller.line()
        assert on_board(fleet, main_pid) == before != "0"
        on_board(fleet, "systemctl stop hold")
        events, result = controller.told()
    assert result["state"] == "unchanged", result
    assert [event["event"] for event in events].count("finished") == 1
    assert result_of(fleet, "take_up", "killed") == result
    assert result_of(fleet, "deploy", "killed") == result
    until(lambda: on_board(fleet, "pgrep -f '^tail .*events.ndjson' || echo none") == "none")


def test_a_board_that_is_rebooted_in_the_middle_is_asked_what_serves_and_nothing_is_started_again(
    fleet: Fleet,
) -> None:
    hold(fleet)
    with Follower(fleet, "deploy", "rebooted", settings={"context": 1024}) as controller:
        controller.waits_for_the_lock()
        first = fleet.init_of(fleet.places[0])
        on_board(fleet, "systemctl reboot --force --force")
        until(lambda: fleet.init_of(fleet.places[0]) not in (None, first))
        _, result = controller.told()
    assert result["state"] == "rolled-back", result
    assert "without a result" in result["reason"]
    assert result["reason"].endswith("serves as before")
    there = on_board(fleet, "ls /var/lib/jetson-deploy/fleet/jd-fleet-rebooted; systemctl is-active jd-fleet-rebooted")
    names = there.split()
    assert ("before.json" in names, "result.json" in names, names[-1]) == (True, False, "inactive")
    assert result_of(fleet, "take_up", "rebooted")["state"] == "rolled-back"
