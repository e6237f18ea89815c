"""Fifty boards at once, half of them broken: the rest always finishes, and each stands in the report once."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from fleet_boards import booted_boards, controller

from jetson_deploy.rehearsal.fleet.breaking import Breaking
from jetson_deploy.rehearsal.fleet.fleet import Fleet

pytestmark = pytest.mark.integration

BOARDS = 50
BROKEN: dict[str, tuple[Callable[[Breaking], object], str]] = {
    "sshd is stopped": (Breaking.stop_sshd, "unreachable"),
    "a black hole": (Breaking.black_hole, "unreachable"),
    "frozen": (Breaking.freeze, "unreachable"),
    "another host key": (Breaking.change_host_key, "unreachable"),
    "without Python": (Breaking.remove_python, "refused"),
}
"""What is broken, and how the device then ends."""
STILL_ANSWER: dict[str, tuple[Callable[[Breaking], object], int]] = {
    "a greeting in ~/.bashrc": (Breaking.greet, 1),
    "few logins at a time": (Breaking.throttle, 1),
    "a slow link": (Breaking.slow_link, BOARDS // 10),
    "a dead engine": (Breaking.stop_engine, 1),
}
"""On how many boards of those that are well."""


@pytest.fixture(scope="module")
def fleet() -> Iterator[Fleet]:
    with booted_boards(BOARDS, kind="light", settings={"context": 2048}) as booted:
        yield booted


def rows(fleet: Fleet, verb: str, *arguments: str, code: int) -> dict[str, dict[str, Any]]:
    """Of the report of a verb, by device; each stands in it once."""
    done = controller(
        fleet, "fleet", *(verb, "-i", str(fleet.inventory), "--ssh-config", str(fleet.ssh_config)), "--json", *arguments
    )
    assert done.returncode == code, done.stdout[-2000:] + done.stderr[-2000:]
    listed = json.loads(done.stdout)["devices"]
    assert len({row["device"] for row in listed}) == len(listed), listed
    return {row["device"]: row for row in listed}


@pytest.mark.fault("F23")
def test_fifty_boards_are_seen_with_what_is_deployed_there(fleet: Fleet) -> None:
    found = rows(fleet, "hosts", code=0)
    assert sorted(found) == [place.name for place in fleet.places]
    assert {row["state"] for row in found.values()} == {"done"}


@pytest.mark.fault("F23")
def test_all_behind_one_of_them_as_a_jump_host_answer_through_it(fleet: Fleet) -> None:
    jump, *behind = fleet.places
    config = fleet.layout.directory / "behind-a-jump-host"
    hop = f"Host 10.77.1.* !{jump.address}\n  ProxyJump root@{jump.address}\n"
    config.write_text(hop + fleet.ssh_config.read_text())
    words = ("--ssh-config", str(config), "--", "echo ${SSH_CONNECTION%% *}")
    found = rows(fleet, "run", *words, code=0)
    assert {name: row["document"]["stdout"] for name, row in found.items()} == {
        jump.name: "10.77.0.1\n",
        **{place.name: f"{jump.address}\n" for place in behind},
    }


@pytest.mark.fault("F23")
def test_a_canary_that_fails_leaves_all_others_untouched(fleet: Fleet) -> None:
    three = fleet.places[-3:]
    Breaking(fleet, three[0]).serve({"rubbish": True, "when": {"OLLAMA_CONTEXT_LENGTH": "2048"}})
    found = rows(fleet, "up", "--yes", "--soak", "1s", *(place.name for place in three), code=9)
    assert [found[place.name]["state"] for place in three] == ["rolled-back", "not-started", "not-started"]
    assert "jd-default-2" not in fleet.ssh(three[1], "jetson-deploy history").stdout


@pytest.mark.fault("F22", "F23")
def test_half_are_broken_in_every_way_and_the_rest_is_seen(fleet: Fleet) -> None:
    ends = {}
    for index, place in enumerate(fleet.places[: BOARDS // 2]):
        breaks, ends[place.name] = list(BROKEN.values())[index % len(BROKEN)]
        breaks(Breaking(fleet, place))
    well = fleet.places[BOARDS // 2 :]
    for place, breaks in zip(well, (one for one, many in STILL_ANSWER.values() for _ in range(many)), strict=False):
        breaks(Breaking(fleet, place))
    found = rows(fleet, "hosts", code=9)
    assert {name: row["state"] for name, row in found.items()} == ends | {place.name: "done" for place in well}
    assert all(row["reason"] for name, row in found.items() if name in ends)
