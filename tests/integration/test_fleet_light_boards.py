"""A light board has a deployment from the start: what the tool does there runs to its end, over stand-ins."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import pytest
from fleet_boards import booted_boards

from jetson_deploy.rehearsal.fleet.fleet import Fleet
from jetson_deploy.rehearsal.fleet.layout import Place

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def fleet() -> Iterator[Fleet]:
    with booted_boards(2, kind="light") as booted:
        yield booted


def ran(fleet: Fleet, place: Place, *arguments: str, code: int = 0) -> dict[str, object]:
    done = fleet.ssh(place, f"jetson-deploy {' '.join(arguments)} --json")
    assert done.returncode == code, done.stdout + done.stderr
    found: dict[str, object] = json.loads(done.stdout)
    return found


def test_up_finds_nothing_to_change_and_status_is_healthy(fleet: Fleet) -> None:
    for place in fleet.places:
        assert ran(fleet, place, "up")["result"] == "no-changes"
        assert ran(fleet, place, "status")["healthy"] is True


def test_a_changed_setting_is_deployed_there_and_can_be_rolled_back(fleet: Fleet) -> None:
    first = fleet.places[0]
    assert ran(fleet, first, "up", "--context", "2048")["result"] == "done"
    assert ran(fleet, first, "status")["revision"] == 2
    assert ran(fleet, first, "rollback")["result"] == "done"


def test_what_is_deployed_serves_again_after_a_reboot(fleet: Fleet) -> None:
    place = fleet.places[1]
    before = fleet.init_of(place)
    fleet.ssh(place, "systemctl reboot")
    deadline = time.monotonic() + 120
    while fleet.init_of(place) in (None, before) and time.monotonic() < deadline:
        time.sleep(0.05)
    fleet.wait([place])  # for sshd, which may be there before the engine
    fleet.inside(place, "timeout", "120", "sh", "-c", "until [ -S /run/docker.sock ]; do sleep 0.05; done")
    assert ran(fleet, place, "status")["healthy"] is True


def test_a_server_that_answers_rubbish_is_refused_and_the_old_one_serves(fleet: Fleet) -> None:
    place = fleet.places[1]
    wrong = {"rubbish": True, "when": {"OLLAMA_CONTEXT_LENGTH": "2048"}}
    fleet.inside(place, "tee", "/etc/rehearsal/server.json", stdin=json.dumps(wrong))
    ran(fleet, place, "up", "--context", "2048", code=7)
    assert ran(fleet, place, "status")["revision"] == 1
