"""What a device answers to a verb, and the one result that it gets: by the cases of answers.yaml."""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import quick_yaml
from told_devices import Said, ToldDevices, document, text

from jetson_deploy.errors import JetsonDeployError
from jetson_deploy.fleet.connection import Connection
from jetson_deploy.fleet.device import Device
from jetson_deploy.fleet.end_state import DeviceResult
from jetson_deploy.fleet.failure import ConnectionLostError, DeviceError
from jetson_deploy.fleet.verbs.alarms import alarms
from jetson_deploy.fleet.verbs.answered import on_each
from jetson_deploy.fleet.verbs.changes import change
from jetson_deploy.fleet.verbs.healths import drift, health
from jetson_deploy.fleet.verbs.log_follower import follow_each
from jetson_deploy.fleet.verbs.log_tails import LINE, tail

CASES: list[dict[str, Any]] = quick_yaml.loaded((Path(__file__).parent / "answers.yaml").read_text())
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
        ({"healthy": True, "model": "m"}, 0, "its unit jd-fleet-1-beef runs"),
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


NO_LOG = document(2, schema="jetson-deploy.error/1", code="usage", message="no such option --timestamps")


def followed(fleet: ToldDevices, *devices: Device) -> tuple[list[DeviceResult], list[tuple[str, str]], list[str]]:
    """Results, lines, and why devices were asked again."""
    heard: list[tuple[str, str]] = []
    lost: list[str] = []

    async def pause(seconds: float) -> None:
        lost.append(f"pause {seconds:g}")

    results = asyncio.run(
        follow_each(
            fleet,
            devices,
            3,
            heard=lambda device, line: heard.append((device.name, line)),
            lost=lambda device, error: lost.append(f"{device.name} {error.code}"),
            sleep=pause,
        )
    )
    return results, heard, lost


def stamp(second: int) -> bytes:
    return f"2026-11-29T12:00:{second:02}.000000001Z".encode()


def test_followed_logs_come_with_their_device_and_their_channel_is_closed() -> None:
    streams: dict[str, list[bytes | JetsonDeployError]] = {
        "a": [stamp(1) + b" 1", b"2\xff"],
        "b": [stamp(1) + b" " + b"x" * 3 * LINE],
    }
    fleet = ToldDevices({"a": document(lines=[]), "b": document(lines=[])}, streams=streams)
    results, heard, lost = followed(fleet, Device(name="a"), Device(name="b"))
    assert [one.state for one in results] == ["done", "done"]
    assert sorted(heard) == [("a", "1"), ("a", "2\ufffd"), ("b", "x" * LINE)]
    assert fleet.closed_streams == 2
    assert not lost


class Cut(ToldDevices):
    """Each connection to a log gives the next of these, and then an end or an error."""

    def __init__(self, *streams: list[bytes | JetsonDeployError], says: Said | None = None) -> None:
        super().__init__({"a": says or document(lines=[])})
        self._next = list(streams)

    @asynccontextmanager
    async def connect(self, device: Device) -> AsyncIterator[Connection]:
        if self._next:
            stream = self._next.pop(0)
            if len(stream) == 1 and getattr(stream[0], "code", "") == "unreachable":
                raise stream[0]  # type: ignore[misc]
            self.streams["a"] = stream
        async with super().connect(device) as connection:
            yield connection


LOST = ConnectionLostError("lost", hint="x", code="connection-lost")
AWAY = DeviceError("no route", hint="x", code="unreachable")


def test_a_log_whose_link_is_cut_goes_on_behind_the_last_line_after_pauses_that_grow_until_it_says_something() -> None:
    fleet = Cut([stamp(1) + b" one", LOST], [AWAY], [AWAY], [stamp(2) + b" two", LOST], [stamp(3) + b" three"])
    (result,), heard, lost = followed(fleet, Device(name="a"))
    assert (result.state, [line for _, line in heard]) == ("done", ["one", "two", "three"])
    assert lost[::2] == ["a connection-lost", "a unreachable", "a unreachable", "a connection-lost"]
    assert lost[1::2] == ["pause 2", "pause 5", "pause 10", "pause 2"]
    asked = [command.partition(" logs ")[2] for _, command, _, _ in fleet.asked[:3]]
    assert asked == [
        "--follow --timestamps --tail 3",
        f"--follow --timestamps --after {stamp(1).decode()}",
        f"--follow --timestamps --after {stamp(2).decode()}",
    ]


def test_a_device_that_was_never_reached_is_not_asked_again() -> None:
    (result,), _, lost = followed(Cut([AWAY]), Device(name="a"))
    assert (result.state, lost) == ("unreachable", [])


def test_what_is_no_stamp_of_a_device_gets_into_no_command() -> None:
    fleet = Cut([b"2026-11-29T12:00:01Z;reboot x", b"$(reboot) y", LOST], [])
    _, heard, _ = followed(fleet, Device(name="a"))
    assert [line for _, line in heard] == ["2026-11-29T12:00:01Z;reboot x", "$(reboot) y"]
    assert not any("reboot" in command for _, command, _, _ in fleet.asked)


@pytest.mark.parametrize(
    ("says", "state", "code"),
    [
        (NO_LOG, "refused", "usage"),
        (text(b"", 127), "refused", "tool-missing"),
        (document(1, schema="jetson-deploy.error/1", code="no-log", message="none"), "failed", "no-log"),
    ],
)
def test_a_log_that_cannot_be_followed_has_its_reason_and_does_not_end_as_if_it_were_through(
    says: Said, state: str, code: str
) -> None:
    (result,), _, _ = followed(Cut([], says=says), Device(name="a"))
    assert (result.state, result.code) == (state, code)


def test_an_engine_that_is_not_back_after_a_boot_is_waited_for() -> None:
    fleet = Cut([stamp(1) + b" one", LOST], [], [stamp(2) + b" two"])
    fleet.says["a"] = document(3, schema="jetson-deploy.error/1", code="engine-absent", message="no engine")
    ready = iter((document(3, schema="jetson-deploy.error/1", code="engine-absent", message="x"), document(lines=[])))

    class Ready(dict[str, Said]):
        def __getitem__(self, key: str) -> Said:
            return next(ready)

    fleet.says = Ready()
    (result,), heard, lost = followed(fleet, Device(name="a"))
    assert ([line for _, line in heard], result.state) == (["one", "two"], "done")
    assert lost == ["a connection-lost", "pause 2", "a engine-absent", "pause 5"]


def test_what_has_no_input_is_given_where_to_look_and_no_secret() -> None:
    fleet = ToldDevices({"a": document(lines=[])}, streams={"a": []})
    device = Device(name="a", environment={"JETSON_DEPLOY_STATE_DIR": "/srv/it's", "JETSON_DEPLOY_REGISTRY": SECRET})
    followed(fleet, device)
    words = shlex.split(fleet.asked[0][1])
    assert "JETSON_DEPLOY_STATE_DIR=/srv/it's" in words
    assert not any(SECRET in word for word in words)
