"""The live view of many devices: what stands there, what stays out of it, and the forms off a terminal."""

from __future__ import annotations

import json
import re
import sys
import time

import pytest
from hostile import HOSTILE, on_a_terminal

from jetson_deploy.cli.fleet.live import chosen_live
from jetson_deploy.cli.fleet.live_rows import MOST_ITEMS, Rows
from jetson_deploy.cli.fleet.options import FleetOptions
from jetson_deploy.events import Event, Note, Progress, StepFinished, StepStarted, Verdict
from jetson_deploy.fleet.device import Device
from jetson_deploy.fleet.end_state import DeviceResult
from jetson_deploy.fleet.inventory.typed import typed_inventory
from jetson_deploy.settings import Settings

EVIL = f"a\nb\rc\td{HOSTILE}" + "x" * 100_000
HOSTILE_EVENTS: tuple[Event, ...] = (
    StepStarted(step=EVIL, text=EVIL),
    Progress(item=EVIL, done_bytes=10**400, total_bytes=-(10**400), phase=EVIL),
    Verdict(check=EVIL, passed=False, observed=f"999999999999.9 tok/s {EVIL}", expected=EVIL),
    Note(level="warning", text=EVIL),
    StepFinished(step=EVIL, text=EVIL, seconds=1e308),
)
HARMFUL = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def fleet(*names: str, as_json: bool = False, as_events: bool = False, quiet: bool = False) -> FleetOptions:
    inventory = typed_inventory(names)
    return FleetOptions(
        inventory=inventory,
        devices=inventory.devices,
        as_json=as_json,
        as_events=as_events,
        quiet=quiet,
        verbose=False,
        settings=Settings(),
    )


def ended(name: str, state: str = "proven", reason: str = "") -> DeviceResult:
    return DeviceResult(device=name, state=state, reason=reason)  # type: ignore[arg-type]


def test_a_row_shows_phase_bytes_and_rate() -> None:
    rows = Rows(["a", "b"])
    rows.event("a", StepStarted(step="stage-model", text="deepseek-r1:8b"), 1.0)
    rows.event("a", Progress(item="m", done_bytes=1 << 20, total_bytes=4 << 20), 2.0)
    head, row, total = rows.table(10)
    assert head.split() == ["DEVICE", "PHASE", "FETCHED", "TOK/S"]
    assert row.split() == ["a", "fetching", "1.0", "MiB", "of", "4.0", "MiB", "deepseek-r1:8b"]
    assert total == "2 devices: 0 ended, 1 working, 1 waiting; 1.0 MiB of 4.0 MiB"
    rows.event("a", StepFinished(step="stage-model", text="", seconds=1), 3.0)
    rows.event("a", Verdict(check="speed", passed=True, observed="41.5 tok/s", expected="x"), 4.0)
    assert "41.5" in rows.table(10)[1].split()
    assert rows.ended(ended("a"), 5.0) == "proven"
    assert rows.summary() == "2 devices: 1 ended (1 proven), 0 working, 1 waiting"


def test_of_hundreds_only_those_that_changed_last_are_shown_and_all_are_counted() -> None:
    names = [f"d{number}" for number in range(300)]
    rows = Rows(names)
    for moment, name in enumerate(names, 1):
        rows.event(name, StepStarted(step="prove", text=""), float(moment))
    lines = rows.table(12)
    assert [line.split()[0] for line in lines[1:-1]] == names[-10:]
    assert lines[-1] == "300 devices: 0 ended, 300 working"
    assert len(lines) == 12


def test_those_that_work_stand_before_those_that_ended() -> None:
    rows = Rows(["a", "b", "c"])
    for moment, name in enumerate("abc", 1):
        rows.event(name, StepStarted(step="prove", text=""), float(moment))
    rows.ended(ended("c", "failed", "no tokens"), 9.0)
    assert [line.split()[:2] for line in rows.table(4)[1:-1]] == [["a", "prove"], ["b", "prove"]]
    assert rows.table(9)[3].split() == ["c", "failed", "no", "tokens"]


@pytest.mark.parametrize("event", HOSTILE_EVENTS, ids=lambda event: type(event).__name__)
def test_no_event_leaves_its_row_in_the_table(event: Event) -> None:
    rows = Rows(["a", "b"])
    line = rows.event("a", event, 1.0)
    lines = [*rows.table(40), line or "", rows.ended(ended("a", "failed", EVIL), 2.0), *rows.table(40)]
    assert all(not HARMFUL.search(one) and "\n" not in one and len(one) < 400 for one in lines)


def test_a_device_that_names_many_things_keeps_the_memory_bounded() -> None:
    rows = Rows(["a"])
    for number in range(1000):
        rows.event("a", Progress(item=f"{number}", done_bytes=1, total_bytes=2), 1.0)
    assert rows.summary().endswith(f"; {MOST_ITEMS} B of {2 * MOST_ITEMS} B")


def test_off_a_terminal_each_change_is_a_line_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    with chosen_live(fleet("a", "b")) as live:
        live.event(Device(name="a"), StepStarted(step="prove", text="asking"))
        live.event(Device(name="a"), Progress(item="m", done_bytes=1, total_bytes=None))
        live.note("batch 1 of 2")
        live.ended(ended("b", "unreachable", "no route"))
    said = capsys.readouterr()
    assert [line[9:] for line in said.err.splitlines()] == [
        "a: prove: asking",
        "batch 1 of 2",
        "b: unreachable: no route",
    ]
    assert said.out == ""


def test_hostile_events_stay_in_their_lines(capsys: pytest.CaptureFixture[str]) -> None:
    with chosen_live(fleet("a")) as live:
        for event in HOSTILE_EVENTS:
            live.event(Device(name="a"), event)
    lines = capsys.readouterr().err.split("\n")
    assert all(re.match(r"\d\d:\d\d:\d\d a: ", line) and not HARMFUL.search(line) for line in lines[:-1])
    assert len(lines) == 4


def test_events_carry_their_device_which_no_device_can_change(capsys: pytest.CaptureFixture[str]) -> None:
    with chosen_live(fleet("a", as_events=True)) as live:
        for event in HOSTILE_EVENTS:
            live.event(Device(name="a"), event)
        live.ended(ended("a", "failed", EVIL))
    out = capsys.readouterr().out
    assert not HARMFUL.search(out)
    found = [json.loads(line) for line in out.splitlines()]
    assert [one["device"] for one in found] == ["a"] * 6
    assert found[-1]["event"] == "device-ended"


def test_quiet_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with chosen_live(fleet("a", quiet=True)) as live:
        live.event(Device(name="a"), StepStarted(step="prove", text=""))
        live.ended(ended("a"))
    assert capsys.readouterr() == ("", "")


def test_the_table_on_a_terminal_shows_rows_and_ends_without_a_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    with on_a_terminal() as (out, err):
        with chosen_live(fleet("a", "b")) as live:
            for event in HOSTILE_EVENTS:
                live.event(Device(name="a"), event)
            live.event(Device(name="b"), StepStarted(step="prove", text="[red]asking[/red]"))
            live.ended(ended("a", "failed", EVIL))
            deadline = time.monotonic() + 5
            while "ended (1 failed)" not in err.getvalue() and time.monotonic() < deadline:
                time.sleep(0.01)
        assert sys.stderr is err
    assert out.getvalue() == ""
    shown = err.getvalue()
    assert "[red]asking[/red]" in shown
    assert "2 devices: 1 ended (1 failed), 1 working" in shown
    # What a table is drawn with, and nothing of the device's own.
    left = re.sub("\x1b\\[[0-9]+A", "", shown)
    assert set(re.findall("\x1b\\[[0-9;?]*[a-zA-Z]|\x1b.", left)) <= {"\x1b[?25l", "\x1b[?25h", "\x1b[2K"}
    assert "\x07" not in shown
    assert "\u202e" not in shown
