"""Samples of many devices: what a row says of one, what a device cannot do, and one that is lost."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import time
from typing import Any

import msgspec
import pytest
from hostile import HOSTILE, on_a_terminal
from told_devices import ToldDevices

from jetson_deploy.cli.fleet.options import FleetOptions
from jetson_deploy.cli.fleet.top_rows import HEADS, TopRows, sample_cells
from jetson_deploy.cli.fleet.top_views import EventView, LineView, TableView
from jetson_deploy.errors import JetsonDeployError
from jetson_deploy.fleet.device import Device
from jetson_deploy.fleet.failure import ConnectionLostError, DeviceError
from jetson_deploy.fleet.inventory.typed import typed_inventory
from jetson_deploy.fleet.verbs.samples import LINE_BYTES, read_sample
from jetson_deploy.fleet.verbs.watching import PAUSES, watch
from jetson_deploy.monitor.sample_line import SampleLine
from jetson_deploy.settings import Settings

BOARD: dict[str, Any] = {
    "gpus": [{"name": "g", "load": 0.97}],
    "memory": {"total_bytes": 8 << 30, "available_bytes": 2 << 30},
    "zones": [{"name": "cpu-thermal", "celsius": 48.0}, {"name": "tj-thermal", "celsius": 61.25}],
    "coolers": [{"kind": "cpufreq-cpu0", "state": 1}],
}
MODEL: dict[str, Any] = {"name": "deepseek-r1:8b", "decode_tokens": 0, "decode_seconds": 0.0}
SERVED: dict[str, Any] = {"server": {"up": True, "endpoint": "x"}}
EVIL = f"a\nb\rc\t{HOSTILE}"
HARMFUL = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def line(moment: float, **keys: Any) -> bytes:
    return json.dumps({"schema": "jetson-deploy.sample/1", "at": 1e9, "monotonic": moment, **keys}).encode()


def sample(moment: float, **keys: Any) -> SampleLine:
    return read_sample(line(moment, **keys))


def alert(severity: str, id_: str = "x", **keys: Any) -> dict[str, Any]:
    return {"id": id_, "severity": severity, **keys}


def fleet(*names: str) -> FleetOptions:
    inventory = typed_inventory(names)
    return FleetOptions(
        inventory=inventory,
        devices=inventory.devices,
        as_json=False,
        as_events=False,
        quiet=False,
        verbose=False,
        settings=Settings(),
    )


def test_a_row_says_what_the_board_does() -> None:
    server = {"up": True, "endpoint": "x", "tokens_from": "log"}
    before = sample(1.0, llm={"server": server, "models": [MODEL]})
    now = sample(
        2.0,
        board=BOARD,
        llm={"server": server, "models": [MODEL | {"decode_tokens": 21, "decode_seconds": 1.0}]},
        alerts=[alert("warning", "thermal-near", subject="tj"), alert("info", "quiet", silenced=True)],
    )
    shown = dict(zip(HEADS[1:], sample_cells(now, before), strict=True))
    assert shown["MODEL"] == "deepseek-r1:8b"
    assert shown["TOK/S"] == "21.0"
    assert (shown["GPU"], shown["MEMORY"], shown["TEMP"]) == ("97 %", "6.0/8.0 GiB", "61.2 C")
    assert (shown["THROTTLED"], shown["ALERTS"]) == ("yes", "thermal-near (tj)")


@pytest.mark.parametrize(
    "keys, column, shown",
    [
        ({}, "ALERTS", "-"),
        ({"alerts": [], "llm": SERVED}, "ALERTS", "none"),
        ({"alerts": []}, "ALERTS", "unknown"),
        ({"alerts": [alert("info", f"a{n}") for n in range(5)], "llm": SERVED}, "ALERTS", "a0, a1, a2 and 2 more"),
        ({"alerts": [alert("info", "a0")]}, "ALERTS", "server's unknown, a0"),
        ({}, "TOK/S", "-"),
        ({}, "THROTTLED", "-"),
        ({"llm": {"server": {"up": False, "endpoint": "x"}}}, "MODEL", "server DOWN"),
        ({"llm": {"deployment": {"name": "d", "model": "m:1b"}}}, "MODEL", "m:1b"),
        ({"board": {"memory": {"total_bytes": 10**400}}}, "ALERTS", "its figures are none of a board"),
    ],
)
def test_what_is_not_known_is_a_dash_and_never_0(keys: dict[str, Any], column: str, shown: str) -> None:
    cells = dict(zip(HEADS[1:], sample_cells(sample(1.0, **keys), None), strict=True))
    assert cells[column] == shown


def test_where_there_is_not_room_for_all_the_worst_are_shown() -> None:
    names = [f"d{number}" for number in range(100)]
    rows = TopRows(names)
    for name in names[:90]:
        rows.sample(name, sample(1.0, llm=SERVED if name != "d0" else {}, alerts=[]))
    rows.sample("d50", sample(1.0, alerts=[alert("warning")]))
    rows.sample("d60", sample(1.0, alerts=[alert("critical")]))
    rows.lost("d70", "no route")
    lines = rows.table(6)
    assert [one.split()[0] for one in lines[1:-1]] == ["d60", "d70", "d50", "d0"]
    assert lines[-1] == "100 devices, 4 shown: 1 critical, 1 lost, 1 warning, 1 unknown, 10 waiting"
    assert len(rows.table(200)) == 102


@pytest.mark.parametrize(
    "text",
    [b"x", b"[]", b'{"schema": "other"}', b"\xff", line(1.0)[:-1], b" " * (LINE_BYTES + 1), b'{"a":' * 5000],
    ids=["no JSON", "a list", "another schema", "no UTF-8", "cut", "too long", "nested"],
)
def test_what_is_no_sample_is_refused(text: bytes) -> None:
    with pytest.raises(DeviceError) as caught:
        read_sample(text)
    assert caught.value.code == "no-sample"


def watched(told: ToldDevices, *names: str, most: int = 6) -> tuple[list[str], list[float]]:
    """What was heard and lost, in order, until nothing more can come or enough came; and the pauses."""
    happened: list[str] = []
    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) >= most:
            raise asyncio.CancelledError

    async def act() -> None:
        devices = [Device(name=name) for name in names]
        await watch(
            told,
            devices,
            1.0,
            heard=lambda device, one: happened.append(f"{device.name} {one.monotonic:g}"),
            lost=lambda device, error: happened.append(f"{device.name} {error.code}"),
            sleep=sleep,
        )

    with contextlib.suppress(asyncio.CancelledError):
        asyncio.run(act())
    return happened, pauses


def test_a_device_that_is_lost_is_asked_again_ever_more_rarely() -> None:
    lost: list[bytes | JetsonDeployError] = [ConnectionLostError("lost", hint="x", code="connection-lost")]
    happened, pauses = watched(ToldDevices(streams={"a": lost}), "a", most=7)
    assert happened == ["a connection-lost"] * 7
    assert pauses == [*PAUSES, PAUSES[-1], PAUSES[-1]]
    happened, pauses = watched(ToldDevices(streams={"a": [line(1.0), line(2.0), *lost]}), "a", most=2)
    assert happened == ["a 1", "a 2", "a connection-lost"] * 2
    assert pauses == [PAUSES[0]] * 2


def test_a_device_that_no_second_try_changes_ends_and_the_others_go_on() -> None:
    told = ToldDevices(streams={"a": [], "b": [line(1.0)]})
    happened, _ = watched(told, "a", "b", most=2)
    assert happened.count("a tool-missing") == 1
    assert happened.count("b 1") == 2
    assert told.closed_streams == 3


def test_hostile_samples_stay_in_their_lines(capsys: pytest.CaptureFixture[str]) -> None:
    evil = sample(1.0, llm={"models": [{"name": EVIL}]}, alerts=[alert("warning", EVIL, subject=EVIL)])
    with LineView(fleet("a")) as view:
        view.heard(Device(name="a"), evil)
        view.lost(Device(name="a"), DeviceError(EVIL, hint="x", code="x"))
    with EventView(fleet("a")) as view:
        view.heard(Device(name="a"), evil)
        view.lost(Device(name="a"), DeviceError(EVIL, hint="x", code="x"))
    said = capsys.readouterr()
    first, *events = said.out.splitlines()
    assert re.match(r"\d\d:\d\d:\d\d a  a\\x0ab", first)
    assert [json.loads(one)["device"] for one in events] == ["a", "a"]
    assert len(said.err.splitlines()) == 1
    assert not HARMFUL.search(said.out + said.err)


def test_a_view_on_a_terminal_is_drawn_on_its_other_screen_and_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    with on_a_terminal() as (out, _), TableView(fleet("a", "b")) as view:
        view.heard(Device(name="a"), sample(1.0, llm=SERVED | {"models": [{"name": EVIL}]}, alerts=[]))
        deadline = time.monotonic() + 5
        while "OWNED" not in out.getvalue() and time.monotonic() < deadline:
            time.sleep(0.01)
    shown = out.getvalue()
    assert "2 devices: 1 waiting" in shown
    allowed = {"\x1b[?25l", "\x1b[?25h", "\x1b[?1049h", "\x1b[?1049l", "\x1b[H", "\x1b[2J"}
    left = re.sub("\x1b\\[[0-9]+;1H\x1b\\[2K", "", shown)
    assert set(re.findall("\x1b\\[[0-9;?]*[a-zA-Z]|\x1b.", left)) <= allowed
    assert shown.rindex("\x1b[?1049l") > shown.rindex("OWNED")


def test_a_line_of_monitor_jsonl_is_a_sample_and_its_alerts() -> None:
    """The tool's own line is read here, and one of an older tool too."""
    from jetson_deploy.monitor.alerts.firing import Firing
    from jetson_deploy.monitor.monitor import Latest
    from jetson_deploy.monitor.sample import Sample
    from jetson_deploy.monitor.sample_line import sample_line

    taken = Sample(at=1.0, monotonic=2.0)
    fires = Firing(id="x", subject="s", severity="warning", title="t", cause="c", fix="f", since=1.0, silenced=True)
    read = read_sample(msgspec.json.encode(sample_line(Latest(sample=taken, firing=(fires,)))))
    assert read.alerts is not None
    assert [(one.id, one.subject, one.severity, one.silenced) for one in read.alerts] == [("x", "s", "warning", True)]
    assert msgspec.json.decode(msgspec.json.encode(read), type=Sample) == taken
    assert read_sample(msgspec.json.encode(taken)).alerts is None
