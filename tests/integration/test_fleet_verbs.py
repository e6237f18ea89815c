"""The verbs of the fleet over boards with their own sshd and systemd, on which the tool itself answers."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Iterator

import pytest
from fleet_boards import booted_boards, controller, controller_argv, controller_environment

from jetson_deploy.rehearsal.fleet.breaking import Breaking
from jetson_deploy.rehearsal.fleet.fleet import Fleet
from jetson_deploy.rehearsal.fleet.layout import Place

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def fleet() -> Iterator[Fleet]:
    with booted_boards(2, kind="light") as booted:
        yield booted


def where(fleet: Fleet) -> tuple[str, ...]:
    return ("-i", str(fleet.inventory), "--ssh-config", str(fleet.ssh_config))


def asked(fleet: Fleet, *words: str) -> tuple[int, dict[str, dict[str, object]]]:
    """The exit code, and each device's result."""
    found = controller(fleet, "fleet", *words, *where(fleet), "--json")
    document = json.loads(found.stdout)
    return found.returncode, {one["device"]: one for one in document["devices"]}


def test_status_is_0_where_every_board_is_healthy(fleet: Fleet) -> None:
    code, rows = asked(fleet, "status")
    assert code == 0
    assert {name: row["state"] for name, row in rows.items()} == {place.name: "done" for place in fleet.places}
    shown = controller(fleet, "fleet", "status", *where(fleet), fleet.places[0].name).stdout
    assert "deepseek-r1" in shown
    assert "simulated" in shown


def test_nothing_drifted_and_each_servers_log_is_shown(fleet: Fleet) -> None:
    place = fleet.places[0]
    assert asked(fleet, "drift", "--limit", place.name)[0] == 0
    logs = controller(fleet, "fleet", "logs", "--tail", "3", *where(fleet), place.name)
    assert logs.returncode == 0
    assert [line.split()[0] for line in logs.stdout.splitlines()] == [place.name] * 3


def test_top_shows_each_captured_board(fleet: Fleet) -> None:
    code, rows = asked(fleet, "top", "--once", "--period", "0.2")
    assert code == 0
    for row in rows.values():
        document = row["document"]
        assert isinstance(document, dict)
        assert document["board"]["memory"]["total_bytes"] > 0
        assert fleet.board.startswith(document["identity"]["board"])
        assert isinstance(document["alerts"], list)


def test_alerts_are_those_that_each_board_would_send(fleet: Fleet) -> None:
    code, rows = asked(fleet, "alerts", "--limit", fleet.places[0].name)
    assert {row["state"] for row in rows.values()} <= {"done", "needs-attention"}
    assert (code == 0) == all(row["state"] == "done" for row in rows.values())


def test_of_a_board_whose_engine_is_stopped_no_verb_says_that_there_is_no_alert(fleet: Fleet) -> None:
    place, other = fleet.places[:2]
    assert fleet.ssh(place, "systemctl stop docker").returncode == 0
    try:
        answers = [asked(fleet, *words) for words in (("alerts",), ("top", "--once", "--period", "0.2"))]
        shown = controller(fleet, "fleet", "top", "--once", "--period", "0.2", *where(fleet), place.name).stdout
    finally:
        assert fleet.ssh(place, "systemctl start docker").returncode == 0
    for code, rows in answers:
        assert code == 9
        assert rows[place.name]["state"] in ("unknown", "needs-attention")  # an alert of the board itself may hold
        assert "the Docker Engine" in str(rows[place.name]["reason"])
        assert "the Docker Engine" not in str(rows[other.name]["reason"])
    assert "unknown" in shown
    assert "none" not in shown
    deadline = time.monotonic() + 120
    while asked(fleet, "status", "--limit", place.name)[0] != 0 and time.monotonic() < deadline:
        time.sleep(0.2)


def test_a_followed_log_whose_connection_is_cut_goes_on_behind_its_last_line(fleet: Fleet) -> None:
    place = fleet.places[0]
    write = "for log in /var/lib/rehearsed-engine/*.log; do echo {} >> $log; done"
    argv = controller_argv(fleet, "fleet", "logs", "--follow", *where(fleet), place.name)
    with subprocess.Popen(
        argv, env=controller_environment(fleet), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as running:
        assert running.stdout is not None
        seen = [running.stdout.readline()]
        for line in ("before the cut", "behind the cut"):
            assert fleet.ssh(place, write.format(line)).returncode == 0
            while not seen[-1].endswith(f"{line}\n"):
                seen.append(running.stdout.readline())
                assert seen[-1], "the log ended"
            Breaking(fleet, place).cut_sessions()
        running.send_signal(signal.SIGINT)
        _, said = running.communicate(timeout=120)
        assert running.returncode == 0
    assert sum("before the cut" in line for line in seen) == 1
    assert "asked again, behind the last line that came" in said


def test_one_that_was_changed_is_rolled_back_and_one_without_a_revision_before_says_so(fleet: Fleet) -> None:
    first, second = fleet.places[:2]
    changed = fleet.ssh(first, "jetson-deploy up --context 2048 --json")
    assert changed.returncode == 0, changed.stderr
    code, rows = asked(fleet, "rollback", "--yes", "--limit", f"{first.name}:{second.name}")
    assert code == 9
    assert rows[first.name]["state"] == "proven"
    assert rows[second.name]["state"] in ("failed", "refused")
    assert rows[second.name]["reason"]


def test_a_rollback_goes_on_when_its_controller_is_killed(fleet: Fleet) -> None:
    place = fleet.places[0]
    argv = controller_argv(fleet, "fleet", "rollback", "--yes", *where(fleet), place.name)
    with subprocess.Popen(argv, env=controller_environment(fleet), stderr=subprocess.DEVNULL) as running:
        unit = "systemctl is-active jd-fleet-rollback"
        deadline = time.monotonic() + 60
        while fleet.ssh(place, unit).stdout.strip() != "active" and time.monotonic() < deadline:
            time.sleep(0.1)
        running.kill()
    deadline = time.monotonic() + 120
    while fleet.ssh(place, unit).stdout.strip() == "active" and time.monotonic() < deadline:
        time.sleep(0.2)
    found = json.loads(fleet.ssh(place, "jetson-deploy status --json").stdout)
    assert (found["healthy"], found["revision"], found["unfinished"]) == (True, 4, None)


def test_down_removes_the_deployment_of_the_selected_board_alone(fleet: Fleet) -> None:
    place = fleet.places[1]
    assert asked(fleet, "down", "--yes", "--limit", place.name)[0] == 0
    code, rows = asked(fleet, "status")
    assert code == 9
    assert [row["code"] for name, row in rows.items() if name == place.name] == ["nothing-deployed"]
    assert {row["state"] for name, row in rows.items() if name != place.name} == {"done"}


def test_a_change_that_runs_there_already_is_not_started_twice(fleet: Fleet) -> None:
    place = fleet.places[1]
    assert fleet.ssh(place, "systemd-run --quiet --unit=jd-fleet-rollback sleep 60").returncode == 0
    try:
        _, rows = asked(fleet, "rollback", "--yes", "--limit", place.name)
    finally:
        fleet.ssh(place, "systemctl stop jd-fleet-rollback")
    assert rows[place.name]["state"] == "locked"


def test_a_board_without_the_tool_is_named_with_what_brings_it(fleet: Fleet) -> None:
    place = fleet.places[1]
    assert fleet.ssh(place, "mv /usr/local/bin/jetson-deploy /usr/local/bin/kept").returncode == 0
    try:
        code, rows = asked(fleet, "status")
    finally:
        fleet.ssh(place, "mv /usr/local/bin/kept /usr/local/bin/jetson-deploy")
    assert (code, rows[place.name]["code"]) == (9, "tool-missing")
    assert rows[fleet.places[0].name]["state"] == "done"
    assert "fleet up" in str(rows[place.name]["hint"])


def test_live_samples_come_from_every_board_and_ctrl_c_leaves_no_monitor_behind(fleet: Fleet) -> None:
    argv = controller_argv(fleet, "fleet", "top", "--events", "--period", "0.2", *where(fleet))
    with subprocess.Popen(
        argv, env=controller_environment(fleet), stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True
    ) as running:
        assert running.stdout is not None
        seen: dict[str, int] = {}
        while len(seen) < 2 or min(seen.values()) < 2:
            event = json.loads(running.stdout.readline())
            assert event["event"] == "sample"
            seen[event["device"]] = seen.get(event["device"], 0) + 1
        running.send_signal(signal.SIGINT)
        assert running.wait(120) == 0
    for place in fleet.places:
        deadline = time.monotonic() + 120
        while (left := monitors(fleet, place)) and time.monotonic() < deadline:
            time.sleep(0.2)
        assert left == 0


def monitors(fleet: Fleet, place: Place) -> int:
    return int(fleet.ssh(place, "pgrep -fc '[m]onitor --jsonl'").stdout)
