"""What a device answers to a verb, and the one result that it gets: by the cases of answers.yaml."""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from told_devices import Said, ToldDevices, document, text

from jetson_deploy.fleet.connection import Connection
from jetson_deploy.fleet.device import Device
from jetson_deploy.fleet.end_state import DeviceResult
from jetson_deploy.fleet.failure import ConnectionLostError, DeviceError
from jetson_deploy.fleet.verbs.alarms import alarms
from jetson_deploy.fleet.verbs.answered import on_each
from jetson_deploy.fleet.verbs.changes import change
from jetson_deploy.fleet.verbs.healths import drift, health
from jetson_deploy.fleet.verbs.log_tails import LINE, follow, tail

CASES: list[dict[str, Any]] = yaml.safe_load((Path(__file__).parent / "answers.yaml").read_text())
VERBS: dict[str, Callable[[Connection], Awaitable[DeviceResult]]] = {
    "status": health,
    "drift": drift,
    "alerts": alarms,
    "rollback": lambda connection: change(connection, "rollback"),
    "down": lambda connection: change(connection, "down"),
}
HEALTHY = document(healthy=True, model="m")
SECRET = "a-test's-token"


def said(case: dict[str, Any]) -> Said:
    code = case.get("exit", 0)
    if "document" in case:
        return document(code, **case["document"])
    piece, times = case.get("stdout_repeated", ["", 0])
    stdout = case.get("stdout", piece * times)
    return text(stdout if isinstance(stdout, bytes) else stdout.encode(), code, case.get("stderr", "").encode())


def asked(fleet: ToldDevices, verb: str, *devices: Device) -> list[DeviceResult]:
    return asyncio.run(on_each(fleet, devices, VERBS[verb]))


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['verb']}: {case['case']}")
def test_an_answer_gives_one_end_state_with_its_reason(case: dict[str, Any]) -> None:
    fleet = ToldDevices({"a": said(case)})
    (found,) = asked(fleet, case["verb"], Device(name="a"))
    assert found.state == case["state"]
    for key in ("reason", "hint", "code"):
        if key in case:
            assert getattr(found, key) == case[key]
    if found.state not in ("done", "proven", "unchanged"):
        assert found.reason


@pytest.mark.parametrize(
    "error, reached, state",
    [
        (DeviceError("no route", hint="x", code="unreachable"), False, "unreachable"),
        (ConnectionLostError("lost", hint="x", code="connection-lost"), False, "unreachable"),
        (ConnectionLostError("lost", hint="x", code="connection-lost"), True, "unknown"),
        (DeviceError("no end", hint="x", code="timed-out"), True, "unknown"),
        (DeviceError("sudo", hint="x", code="sudo-refused"), True, "refused"),
    ],
)
def test_a_device_that_is_not_reached_or_lost_stands_there_and_the_others_go_on(
    error: DeviceError, reached: bool, state: str
) -> None:
    fleet = ToldDevices({"a": error, "b": HEALTHY}, unreached={} if reached else {"a": error})
    first, second = asked(fleet, "status", Device(name="a"), Device(name="b"))
    assert (first.device, first.state, first.reason) == ("a", state, error.message)
    assert (second.device, second.state) == ("b", "done")


@pytest.mark.parametrize("verb", VERBS)
def test_the_devices_environment_goes_by_standard_input_and_never_into_a_list_of_processes(verb: str) -> None:
    fleet = ToldDevices({"a": document(healthy=True, model="m", holding=[])})
    device = Device(name="a", environment={"JETSON_DEPLOY_REGISTRY": SECRET}, settings={"name": "lab"})
    asked(fleet, verb, device)
    ((_, command, stdin, root),) = fleet.asked
    assert SECRET not in command
    assert SECRET.encode() in stdin.replace(b"'\"'\"'", b"'")
    assert root
    assert ("lab" in command) == (verb != "alerts")
    assert "/usr/local/bin/jetson-deploy" in command


def test_the_shell_that_is_sent_hands_the_variables_over(tmp_path: Path) -> None:
    """By a real sh, with `env` in the tool's place."""
    import subprocess

    fleet = ToldDevices({"a": HEALTHY})
    asked(fleet, "status", Device(name="a", environment={"JETSON_DEPLOY_X": "it's\n$(false)"}))
    ((_, command, stdin, _),) = fleet.asked
    told = command.replace("/usr/local/bin/jetson-deploy status --json", "env -0")
    assert told != command
    found = subprocess.run(["/bin/sh", "-c", told], input=stdin, capture_output=True, check=True, timeout=10).stdout
    assert b"JETSON_DEPLOY_X=it's\n$(false)" in found.split(b"\0")


@pytest.mark.parametrize(
    "document_keys, code, reason",
    [
        ({"healthy": True, "model": "m"}, 0, ""),
        ({"healthy": True, "model": "m", "unfinished": "up works"}, 1, "up works; its unit jd-fleet-1-beef runs"),
        (
            {"schema": "jetson-deploy.error/1", "message": "locked", "code": "l"},
            75,
            "locked; its unit jd-fleet-1-beef runs",
        ),
    ],
)
def test_status_names_the_unit_that_works_there(document_keys: dict[str, Any], code: int, reason: str) -> None:
    fleet = ToldDevices({"a": document(code, **document_keys)})
    fleet.units["a"] = b"jd-fleet-1-beef.service loaded active running x\n\x1b[2J.service loaded\n\n"
    (found,) = asked(fleet, "status", Device(name="a"))
    assert found.reason == reason


def test_a_change_runs_as_a_unit_of_its_own_which_a_second_start_finds() -> None:
    fleet = ToldDevices({"a": document(result="done")})
    asked(fleet, "rollback", Device(name="a"))
    ((_, command, _, _),) = fleet.asked
    words = shlex.split(command)
    assert "--unit=jd-fleet-rollback" in words
    assert {"--wait", "--pipe", "--collect"} <= set(words)


def test_a_change_whose_connection_is_lost_is_unknown_and_says_that_it_goes_on() -> None:
    fleet = ToldDevices({"a": ConnectionLostError("lost", hint="x", code="connection-lost")})
    (found,) = asked(fleet, "down", Device(name="a"))
    assert (found.state, found.hint) == ("unknown", "the down goes on there; fleet status shows what serves")


def test_logs_are_read_line_by_line_bounded_whatever_is_in_them() -> None:
    whole = b"one\n\xff\x1b[2J two\n" + b"x" * (2 * LINE) + b"\n\nlast"
    fleet = ToldDevices({"a": text(whole)})
    found: list[str] = []

    async def act(connection: Connection) -> DeviceResult:
        result, lines = await tail(connection, 5)
        found.extend(lines)
        return result

    (result,) = asyncio.run(on_each(fleet, [Device(name="a")], act))
    assert result.state == "done"
    assert found == ["one", "\ufffd\x1b[2J two", "x" * LINE, "", "last"]
    assert "--tail 5" in fleet.asked[0][1]


def test_logs_that_are_refused_give_the_tools_own_reason() -> None:
    refused = document(1, schema="jetson-deploy.error/1", code="nothing-deployed", message="nothing here", hint="up")
    fleet = ToldDevices({"a": refused})

    async def act(connection: Connection) -> DeviceResult:
        return (await tail(connection, 5))[0]

    (result,) = asyncio.run(on_each(fleet, [Device(name="a")], act))
    assert (result.state, result.reason, result.code) == ("failed", "nothing here", "nothing-deployed")


def test_followed_logs_come_with_their_device_and_their_channel_is_closed() -> None:
    fleet = ToldDevices(streams={"a": [b"1", b"2\xff"], "b": [b"x" * (3 * LINE)]})
    heard: list[tuple[str, str]] = []

    async def act(connection: Connection) -> DeviceResult:
        return await follow(connection, 3, lambda device, line: heard.append((device.name, line)))

    results = asyncio.run(on_each(fleet, [Device(name="a"), Device(name="b")], act))
    assert [one.state for one in results] == ["done", "done"]
    assert sorted(heard) == [("a", "1"), ("a", "2\ufffd"), ("b", "x" * LINE)]
    assert fleet.closed_streams == 2


def test_what_has_no_input_is_given_where_to_look_and_no_secret() -> None:
    fleet = ToldDevices(streams={"a": []})
    device = Device(name="a", environment={"JETSON_DEPLOY_STATE_DIR": "/srv/it's", "JETSON_DEPLOY_REGISTRY": SECRET})
    asyncio.run(on_each(fleet, [device], lambda connection: follow(connection, 3, lambda device, line: None)))
    words = shlex.split(fleet.asked[0][1])
    assert "JETSON_DEPLOY_STATE_DIR=/srv/it's" in words
    assert not any(SECRET in word for word in words)
