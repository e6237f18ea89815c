"""A row for each device, and what a device's text cannot do to the rows of others."""

from __future__ import annotations

import json
import re

import pytest
from drawn import examples
from hypothesis import given, settings
from hypothesis import strategies as st

from jetson_deploy.cli.fleet.cells import CELL, cell
from jetson_deploy.cli.fleet.options import FleetOptions
from jetson_deploy.cli.fleet.rows import answer_rows
from jetson_deploy.fleet.end_state import DeviceResult, EndState
from jetson_deploy.fleet.inventory.typed import typed_inventory
from jetson_deploy.settings import Settings

HOSTILE = "\x1b[2J\r\n evil\tline\x9b31m\u202e\u0301\u0301\x00"


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


def result(device: str, state: EndState = "done", reason: str = "", hint: str = "") -> DeviceResult:
    return DeviceResult(device=device, state=state, reason=reason, hint=hint, document={"model": f"of {device}"})


def test_every_device_has_its_row_in_the_order_of_the_selection(capsys: pytest.CaptureFixture[str]) -> None:
    found = [result("b", "unreachable", "no route", "switch it on"), result("a")]
    code = answer_rows(fleet("a", "b"), "status", found, heads=("MODEL",), cells=lambda one: [one.document])
    lines = capsys.readouterr().out.splitlines()
    assert code == 9
    assert [line.split()[0] for line in lines[:3]] == ["DEVICE", "a", "b"]
    assert lines[2].endswith("no route")
    assert lines[3:] == ["", "1 done, 1 unreachable", "hint (b): switch it on"]


def test_the_exit_code_is_0_only_when_every_device_is_as_wanted(capsys: pytest.CaptureFixture[str]) -> None:
    assert answer_rows(fleet("a"), "status", [result("a")]) == 0
    assert answer_rows(fleet("a"), "up", [result("a", "unknown")]) == 9
    assert answer_rows(fleet("a"), "down", [result("a", "deferred")], wanted=frozenset({"deferred"})) == 0


@pytest.mark.parametrize("found", [["a"], ["a", "b", "b"], ["a", "b", "c"], []])
def test_a_device_that_is_missing_or_twice_is_a_bug(found: list[str]) -> None:
    with pytest.raises(ValueError, match="of 2 that were selected"):
        answer_rows(fleet("a", "b"), "status", [result(name) for name in found])


def test_the_document_names_schema_counts_and_each_device(capsys: pytest.CaptureFixture[str]) -> None:
    code = answer_rows(fleet("a", "b", as_json=True), "hosts", [result("a"), result("b", "failed", "x")])
    document = json.loads(capsys.readouterr().out)
    assert (code, document["schema"], document["result"]) == (9, "jetson-deploy.fleet-hosts/1", "some-devices-failed")
    assert document["counts"] == {"done": 1, "failed": 1}
    assert [one["device"] for one in document["devices"]] == ["a", "b"]


def test_the_last_event_is_finished_with_the_document(capsys: pytest.CaptureFixture[str]) -> None:
    answer_rows(fleet("a", as_events=True), "hosts", [result("a")], more={"rollout": "x"})
    (event,) = map(json.loads, capsys.readouterr().out.splitlines())
    assert (event["event"], event["exit_code"], event["message"]) == ("finished", 0, "1 done")
    assert event["document"]["rollout"] == "x"


def test_quiet_shows_only_the_devices_that_are_not_as_wanted(capsys: pytest.CaptureFixture[str]) -> None:
    answer_rows(fleet("a", "b", quiet=True), "hosts", [result("a"), result("b", "failed", "x")])
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == ["DEVICE", "b"]
    assert answer_rows(fleet("a", quiet=True), "hosts", [result("a")]) == 0
    assert capsys.readouterr().out == ""


def test_a_hint_of_many_devices_stands_there_once(capsys: pytest.CaptureFixture[str]) -> None:
    names = [f"b{number}" for number in range(9)]
    answer_rows(fleet(*names), "hosts", [result(name, "unreachable", "x", "look") for name in names])
    assert "hint (b0, b1, b2, b3, b4 and 4 more): look" in capsys.readouterr().out.splitlines()


def test_a_hostile_text_stays_in_its_row(capsys: pytest.CaptureFixture[str]) -> None:
    found = [result("a", "failed", HOSTILE, HOSTILE), result("b")]
    answer_rows(fleet("a", "b"), "status", found, heads=("MODEL",), cells=lambda one: [HOSTILE])
    shown = capsys.readouterr().out
    assert [line.split(" ")[0] for line in shown.splitlines()] == ["DEVICE", "a", "b", "", "1", "hint"]
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e\u0301]", shown)


@given(st.text())
@settings(max_examples=examples(300), deadline=None)
def test_any_text_becomes_one_bounded_line_of_signs_that_move_nothing(text: str) -> None:
    shown = cell(text)
    assert shown.isprintable()
    assert 1 <= len(shown) <= CELL


@pytest.mark.parametrize(
    "text, shown",
    [
        (None, "-"),
        ("", "-"),
        (0, "0"),
        ("a\nb", "a\\x0ab"),
        ("a\tb", "a\\x09b"),
        ("x\u0301" * 3, "x\\u0301x\\u0301x\\u0301"),
        ("e\u0301", "é"),
        ("x" * 60, "x" * 47 + "…"),
        ("x" * 46 + "\x1b[2J", "x" * 46 + "…"),
    ],
)
def test_a_cell_is_shown(text: object, shown: str) -> None:
    assert cell(text) == shown
