"""What a fleet reads of a board over SSH is what the tool on the board itself says; the board is not changed by it."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from fleet_boards import booted_boards, controller

from jetson_deploy import __version__
from jetson_deploy.catalog.catalog import Catalog
from jetson_deploy.catalog.load import load_catalog
from jetson_deploy.fleet.device import Device
from jetson_deploy.fleet.reading.answer import ReadingAnswer, unpack
from jetson_deploy.fleet.reading.asked import asked_of
from jetson_deploy.fleet.reading.facts import facts_of, state_of
from jetson_deploy.fleet.reading.script import command, script
from jetson_deploy.plan.make import draft_plan
from jetson_deploy.rehearsal.fleet.fleet import Fleet

pytestmark = pytest.mark.integration
MOVING = ("free_bytes", "available_bytes", "swap_free_bytes", "epoch_seconds", "desktop_bytes", "simulated")


@pytest.fixture(scope="module")
def fleet() -> Iterator[Fleet]:
    with booted_boards(2, kind="light") as booted:
        served(booted)
        yield booted


def served(fleet: Fleet) -> None:
    """What is deployed begins with the board: two looks at one that is not up yet may differ."""
    for _ in range(120):
        if on_the_board(fleet, "detect")["port"]["listening"]:
            return
        time.sleep(0.5)
    raise TimeoutError("the board's server does not listen")


def read(fleet: Fleet, *stores: str) -> ReadingAnswer:
    argv = [*fleet.enter(), "ssh", "-F", str(fleet.ssh_config), fleet.places[0].name, command(stores)]
    return unpack(subprocess.run(argv, input=script(), capture_output=True, check=True, timeout=60).stdout)


def catalog_of(fleet: Fleet) -> Catalog:
    """That of the rehearsal's site, as its controllers have it."""
    return load_catalog([Path(fleet.variables()["JETSON_DEPLOY_CATALOG"])])


def typed(fleet: Fleet, *arguments: str) -> subprocess.CompletedProcess[str]:
    return controller(fleet, "fleet", *arguments, "--ssh-config", str(fleet.ssh_config))


def still(value: Any) -> Any:
    """Without what changes between two looks."""
    if isinstance(value, dict):
        return {key: still(item) for key, item in value.items() if key not in MOVING}
    return [still(item) for item in value] if isinstance(value, list | tuple) else value


def on_the_board(fleet: Fleet, words: str) -> dict[str, Any]:
    done = fleet.ssh(fleet.places[0], f"jetson-deploy {words} --json")
    assert done.stdout, done.stderr
    return dict(json.loads(done.stdout))


def test_detect_on_the_board_says_what_the_fleet_reads(fleet: Fleet) -> None:
    asked = asked_of(Device(name="board", environment=fleet.environment))
    facts = facts_of(read(fleet), asked.settings, catalog_of(fleet), deployment=asked.name)
    found, expected = still(msgspec.to_builtins(facts)), still(on_the_board(fleet, "detect"))
    assert found == expected
    assert found["board"]["id"] == "orin-nano-8gb"


@pytest.mark.parametrize("model", [None, "1.5b"], ids=["as deployed", "another model"])
def test_plan_on_the_board_is_the_plan_that_the_fleet_makes(fleet: Fleet, model: str | None) -> None:
    settings = {} if model is None else {"model": model}
    asked = asked_of(Device(name="board", settings=settings, environment=fleet.environment))
    answer = read(fleet)
    facts = facts_of(answer, asked.settings, catalog_of(fleet), deployment=asked.name)
    state = state_of(answer, asked.name)
    found = msgspec.to_builtins(draft_plan(facts, asked.request, catalog_of(fleet), state).accepted())
    expected = on_the_board(fleet, f"plan {model or ''}")
    for one in (found, expected):
        for key in ("simulated", "sources", "findings"):  # where a value was said differs: a file here, a flag there
            one.pop(key, None)
    assert unmoved(found) == unmoved(expected)
    assert state is not None
    assert bool(found["steps"]) == (model is not None)


def unmoved(plan: dict[str, Any]) -> Any:
    """Free memory is another in every look; sentences name it."""
    plan = json.loads(json.dumps(plan))
    model = plan["model"]
    for key in ("available_bytes", "reason", "rejected", "context_limit_tokens", "terms"):
        del model[key]
    for labels in (plan["spec"]["labels"], *(step["spec"]["labels"] for step in plan["steps"] if "spec" in step)):
        labels.pop("io.jetson-deploy.free-bytes", None)
    return {key: plan[key] for key in plan if key != "warnings"}


def test_hosts_has_a_row_for_each_board_with_its_deployment(fleet: Fleet) -> None:
    done = typed(fleet, "hosts", "-i", str(fleet.inventory), "--json")
    document = json.loads(done.stdout)
    assert done.returncode == 0, done.stderr
    rows = [device["document"] for device in document["devices"]]
    assert [row["host_name"] for row in rows] == [place.name for place in fleet.places]
    assert {row["board"] for row in rows} == {"orin-nano-8gb"}
    assert all(abs(row["clock_ahead_seconds"]) < 30 for row in rows)
    assert [(row["tool"], row["tool_version"]) for row in rows] == [("same", __version__)] * 2
    (deployed,) = rows[0]["deployed"]
    assert deployed["state"] == "running"
    assert deployed["since"].startswith("20")


def test_one_that_does_not_answer_ends_with_9_and_the_others_are_shown(fleet: Fleet) -> None:
    names = [place.name for place in fleet.places]
    done = typed(fleet, "hosts", "-i", f"{names[0]},127.0.0.1:9,")
    lines = done.stdout.splitlines()
    assert done.returncode == 9, done.stderr
    assert lines[1].split()[:3] == [names[0], "reachable", "orin-nano-8gb"]
    assert lines[2].split()[:2] == ["127.0.0.1:9", "unreachable"]


def test_plan_shows_each_board_and_changes_nothing_there(fleet: Fleet) -> None:
    upper = fleet.holder.path(fleet.places[0].upper)
    before = on_its_disk(upper)
    file = fleet.layout.directory / "plan.json"
    done = typed(fleet, "plan", "-i", str(fleet.inventory), "--save", str(file), "--rate", "10M")
    assert done.returncode in (0, 9), done.stderr
    assert [line.split()[0] for line in done.stdout.splitlines()[1:3]] == [place.name for place in fleet.places]
    assert set(json.loads(file.read_text())["devices"]) == {place.name for place in fleet.places}
    assert on_its_disk(upper) == before


def on_its_disk(upper: Path) -> dict[str, int]:
    """What a board has written; its logs grow by themselves."""
    files = (path for path in upper.rglob("*") if "/log/" not in str(path))
    return {str(path): path.lstat().st_mtime_ns for path in files if not path.is_dir()}


def test_the_login_of_a_user_with_sudo_reads_the_same(fleet: Fleet) -> None:
    name = fleet.places[0].name
    done = typed(fleet, "hosts", "-i", f"nvidia@{name},", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout)["devices"][0]["document"]["host_name"] == name


def test_a_disk_of_fstab_that_is_not_mounted_is_refused_before_anything_is_done(fleet: Fleet) -> None:
    place = fleet.places[1]
    store = on_the_board(fleet, "plan")["store"]
    assert fleet.ssh(place, f"echo '/dev/nvme9n1 {store} ext4 nofail 0 2' >>/etc/fstab").returncode == 0
    done = typed(fleet, "plan", "-i", f"{place.name},", "--json")
    (device,) = json.loads(done.stdout)["devices"]
    assert (done.returncode, device["state"], device["code"]) == (9, "refused", "store-not-mounted")
