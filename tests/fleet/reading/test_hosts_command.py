"""`fleet hosts`: a row for each device, the document, and exit code 9 where some do not answer."""

from __future__ import annotations

import asyncio
import functools
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from local_device import CannedTransport, packed_answer, read_roots

from jetson_deploy.cli.fleet import hosts
from jetson_deploy.cli.fleet.options import FleetOptions
from jetson_deploy.fleet.connection import Answer
from jetson_deploy.fleet.device import Device, Inventory
from jetson_deploy.fleet.failure import DeviceError
from jetson_deploy.fleet.reading.answer import BoardAnswer, ReadingAnswer, Tool
from jetson_deploy.settings import Settings

HOSTS = Path(__file__).parents[2] / "hosts"
NANO = HOSTS / "orin-nano-8gb-jp6.2" / "root"
PC = HOSTS / "pc-debian12" / "root"


@functools.cache
def roots() -> dict[Path, ReadingAnswer]:
    return read_roots([NANO, PC])


def board(root: Path, version: str | None = None, **changes: Any) -> Answer:
    there = BoardAnswer(machine="aarch64", root=True, tool=Tool(version=version), **changes)
    return packed_answer(msgspec.structs.replace(roots()[root], board=there))


UNREACHABLE = DeviceError("no answer within 20 s", hint="is it on?", code="unreachable")


def asked(devices: dict[str, Answer | DeviceError], *, as_json: bool = False) -> tuple[int, FleetOptions]:
    inventory = Inventory(source="fleet.yaml", devices=tuple(Device(name=name) for name in devices))
    fleet = FleetOptions(
        inventory=inventory,
        devices=inventory.devices,
        as_json=as_json,
        as_events=False,
        quiet=False,
        verbose=False,
        settings=Settings(),
    )
    rows = asyncio.run(hosts.looked(fleet, CannedTransport(devices)))
    return hosts.answered(fleet, rows), fleet


def test_each_device_has_its_row_and_those_that_do_not_answer_their_cause(capsys: pytest.CaptureFixture[str]) -> None:
    devices: dict[str, Answer | DeviceError] = {
        "nano-1": board(NANO, "0.2.0"),
        "nano-2": board(NANO, "99.0"),
        "pc": board(PC),
        "gone": UNREACHABLE,
        "bare": Answer(exit_status=127, stdout=b"", stderr=b""),
    }
    code, _ = asked(devices)
    lines = capsys.readouterr().out.splitlines()
    assert code == 9
    one, two, pc, gone, bare = lines[1:6]
    assert one.split()[:5] == ["nano-1", "reachable", "orin-nano-8gb", "36.4.3", "6.2"]
    assert "99.0 (newer)" in two
    assert "no Jetson" in pc
    assert gone.split()[:2] == ["gone", "unreachable"]
    assert gone.endswith("no answer within 20 s")
    assert bare.split()[:2] == ["bare", "refused"]
    assert "hint (gone): is it on?" in lines
    assert any(line.startswith("hint (bare): sudo apt-get install -y python3") for line in lines)


def test_all_that_answer_end_with_0_and_one_document(capsys: pytest.CaptureFixture[str]) -> None:
    code, _ = asked({"nano-1": board(NANO), "pc": board(PC)}, as_json=True)
    document = json.loads(capsys.readouterr().out)
    assert code == 0
    assert document["schema"] == "jetson-deploy.fleet-hosts/1"
    nano = document["devices"][0]["document"]
    assert (nano["board"], nano["jetpack"], nano["tool"], nano["deployed"]) == ("orin-nano-8gb", "6.2", None, [])
    assert nano["memory_total_bytes"] > nano["memory_available_bytes"] > 2**30


def test_a_device_cannot_write_outside_its_row(capsys: pytest.CaptureFixture[str]) -> None:
    evil = "\x1b[2J\x1b]0;owned\x07\nnano-1  done"
    code, _ = asked({"evil": board(NANO, evil, host_name=evil), "nano-1": board(NANO)})
    printed = capsys.readouterr().out
    assert code == 0
    assert "\x1b" not in printed
    assert "\x07" not in printed
    assert len(printed.splitlines()) == 5


CLOCKS = [
    (None, ""),
    (0.4, "same"),
    (-1.9, "same"),
    (3, "+3 s"),
    (-400, "-7 min"),
    (7300, "+2 h"),
    (-56 * 365.25 * 86400, "-20454 d"),
]


@pytest.mark.parametrize(("ahead", "text"), CLOCKS)
def test_the_difference_of_a_clock_is_told_in_its_largest_unit(ahead: float | None, text: str) -> None:
    assert hosts.clock_text(ahead) == text


def test_what_is_deployed_is_unknown_where_the_engine_gives_no_answer() -> None:
    [row] = asyncio.run(hosts.looked(asked({"nano-1": board(NANO)})[1], CannedTransport({"nano-1": board(NANO)})))
    assert row.document is not None
    place = hosts.HEADS.index("DEPLOYED")
    cells = {
        problem: hosts.cells_of(msgspec.structs.replace(row, document={**row.document, "engine_problem": problem}))
        for problem in (None, "absent", "stopped")
    }
    assert [one[place] for one in cells.values()] == ["", "", "unknown (Docker: stopped)"]
