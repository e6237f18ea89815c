"""The plan for a device is that of the device's own `plan`; what stands against it is told before anything is done."""

from __future__ import annotations

import asyncio
import functools
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from local_device import CannedTransport, packed_answer, read_roots

from jetson_deploy.catalog.catalog import Catalog
from jetson_deploy.catalog.load import load_catalog
from jetson_deploy.cli.fleet import plan as plan_command
from jetson_deploy.cli.fleet.options import FleetOptions
from jetson_deploy.cli.fleet.rows import answer_rows
from jetson_deploy.deploy.survey import survey
from jetson_deploy.errors import JetsonDeployError
from jetson_deploy.fleet.device import Device, Inventory
from jetson_deploy.fleet.planning.device_plan import DevicePlan
from jetson_deploy.fleet.planning.make import as_result, plan_for
from jetson_deploy.fleet.reading.answer import BoardAnswer, ReadingAnswer, StoreAnswer, Tool
from jetson_deploy.fleet.reading.asked import asked_of
from jetson_deploy.fleet.reading.facts import facts_of
from jetson_deploy.fleet.reading.seen import Seen
from jetson_deploy.fleet.rollout.lines import Measured
from jetson_deploy.plan.make import draft_plan
from jetson_deploy.settings import Settings

HOSTS = sorted(p for p in (Path(__file__).parents[2] / "hosts").iterdir() if p.is_dir())
NANO = next(p for p in HOSTS if p.name == "orin-nano-8gb-jp6.2") / "root"


@functools.cache
def catalog() -> Catalog:
    return load_catalog()


@functools.cache
def answers() -> dict[Path, ReadingAnswer]:
    return read_roots([folder / "root" for folder in HOSTS])


def seen(answer: ReadingAnswer, device: Device | None = None) -> Seen:
    device = device or Device(name="nano-1")
    asked = asked_of(device)
    facts = facts_of(answer, asked.settings, catalog(), deployment=asked.name, store=asked.store)
    return Seen(device=device, asked=asked, answer=answer, facts=facts, clock_ahead=None)


def live(**changes: Any) -> ReadingAnswer:
    board = msgspec.structs.replace(BoardAnswer(machine="aarch64", root=True), **changes)
    return msgspec.structs.replace(answers()[NANO], board=board)


@pytest.mark.parametrize("folder", HOSTS, ids=lambda p: p.name)
@pytest.mark.parametrize("settings", [{}, {"model": "deepseek-r1:1.5b", "context": 4096, "port": 12000}], ids=str)
def test_the_plan_is_that_of_the_device_itself(folder: Path, settings: dict[str, Any]) -> None:
    root = folder / "root"
    one = seen(answers()[root], Device(name="d", settings=settings))
    request = one.asked.request
    facts = survey(root, one.asked.settings, catalog(), store=None, deployment="default")
    by_fleet = plan_for(one, catalog())
    try:
        own = draft_plan(facts, request, catalog()).plan
    except JetsonDeployError as error:
        assert by_fleet.refusals[0].cause == error.message
        return
    assert (own is None) == (by_fleet.decided is None)
    if own is not None and by_fleet.decided is not None:
        decided = by_fleet.decided
        assert (decided.image, decided.model) == (own.image.reference, own.model.name)
        assert decided.context_tokens == own.model.context_tokens
        assert len(decided.steps) == len(own.steps)
        assert by_fleet.key == f"{own.board} | {own.l4t} | {own.image.reference} | {own.model.name}"


def test_settings_of_the_inventory_and_the_device_s_environment_are_asked_for() -> None:
    settings = {"model": "7b", "gates": {"accept_cpu": True}, "mirrors": ["http://m:5000"]}
    environment = {"JETSON_DEPLOY_PORT": "12345", "JETSON_DEPLOY_REGISTRY": "http://reg:5000"}
    asked = asked_of(Device(name="d", settings=settings, environment=environment), said={"model": "8b"})
    request = asked.request
    assert (request.model, request.accept_cpu, request.port) == ("8b", True, 12345)
    assert (request.registry, request.mirrors) == ("http://reg:5000", ("http://m:5000",))
    assert asked.settings.port == 12345


AGAINST: dict[str, tuple[dict[str, Any], str]] = {
    "a newer tool": ({"tool": Tool(version="99.1")}, "tool-newer"),
    "no root": ({"root": False}, "not-root"),
    "a disk that is not mounted": ({"not_mounted": ("/var/lib",)}, "store-not-mounted"),
}


@pytest.mark.parametrize("name", AGAINST)
def test_what_stands_against_a_device_is_told(name: str) -> None:
    changes, code = AGAINST[name]
    plan = plan_for(seen(live(**changes)), catalog())
    assert plan.decided is None
    assert [refusal.code for refusal in plan.refusals] == [code]
    assert all(refusal.fix for refusal in plan.refusals)


def test_a_mount_point_beside_the_store_stands_against_nothing() -> None:
    assert plan_for(seen(live(not_mounted=("/var/li", "/mnt/x"))), catalog()).decided is not None


def test_a_device_whose_own_catalog_could_not_be_read_may_decide_otherwise() -> None:
    own = seen(live(overlays=("/etc/jetson-deploy",)))
    result = as_result("d", plan_for(own, catalog()))
    assert (result.state, result.reason[:51]) == ("done", "it has a catalog of its own (/etc/jetson-deploy) th")


def test_an_unusable_state_of_a_newer_version_refuses_the_device() -> None:
    newer = json.dumps({"schema": "jetson-deploy.state/99", "checksum": "", "state": {}})
    answer = msgspec.structs.replace(live(), state={"default": {"state.json": newer}})
    assert [refusal.code for refusal in plan_for(seen(answer), catalog()).refusals] == ["state-newer"]


def test_bytes_and_time_count_what_is_not_there_yet() -> None:
    first = plan_for(seen(live()), catalog(), rate=10e6)
    assert first.image_bytes is not None
    assert first.image_bytes > 10**9
    assert first.model_bytes > 10**9
    assert first.fetch_seconds == (first.image_bytes + first.model_bytes) / 10e6
    assert plan_for(seen(live()), catalog(), measured=Measured(bytes_per_second=1e6)).bytes_per_second == 1e6
    assert plan_for(seen(live()), catalog()).fetch_seconds is None
    assert first.downtime_seconds is None


def test_a_model_that_is_whole_in_the_store_is_not_fetched() -> None:
    one = seen(live())
    assert one.facts.store is not None
    without = plan_for(one, catalog())
    assert without.decided is not None
    model = without.decided.model
    assert any(step.startswith("stage-model") for step in without.decided.steps)
    from jetson_deploy.facts import ModelFacts
    from jetson_deploy.plan.make import draft_plan

    digest = draft_plan(one.facts, one.asked.request, catalog()).accepted().model.manifest_digest
    held = ModelFacts(name=model, manifest_digest=digest or "", complete=True)
    store = msgspec.structs.replace(one.facts.store, models=(held,), pinned=())
    facts = msgspec.structs.replace(one.facts, store=store)
    there = plan_for(msgspec.structs.replace(one, facts=facts), catalog())
    assert there.model_bytes == 0
    assert there.decided is not None
    assert not any(step.startswith("stage-model") for step in there.decided.steps)


def options(devices: tuple[Device, ...], **changes: Any) -> FleetOptions:
    form: dict[str, Any] = {"as_json": False, "as_events": False, "quiet": False, "verbose": False} | changes
    settings = Settings(fleet_dir=Path("/nonexistent"))
    return FleetOptions(
        inventory=Inventory(source="fleet.yaml", devices=devices), devices=devices, settings=settings, **form
    )


def test_a_machine_with_two_names_is_planned_for_once() -> None:
    """Two of a rack may have the same host name, and a root without a machine says nothing of itself."""
    boards = {
        "a": live(boot_id="1", host_name="jetson"),
        "b": live(boot_id="2", host_name="jetson"),
        "again": live(boot_id="1", host_name="jetson"),
        "c": live(),
        "d": live(),
    }
    fleet = options(tuple(Device(name=name) for name in boards))
    transport = CannedTransport({name: packed_answer(answer) for name, answer in boards.items()})
    found = asyncio.run(plan_command._planned(fleet, transport, "1.5b", None))
    assert [one.result.state for one in found] == ["done", "done", "refused", "done", "done"]
    refused = found[2].result
    assert (refused.code, "the same machine as a:" in refused.reason) == ("same-machine", True)
    assert "--limit" in refused.hint


def test_the_table_has_a_row_for_each_device_and_the_sum_below(capsys: pytest.CaptureFixture[str]) -> None:
    fleet = options((Device(name="nano-1"), Device(name="nano-2"), Device(name="old")))
    answers_ = {
        "nano-1": packed_answer(live()),
        "nano-2": packed_answer(live()),
        "old": packed_answer(live(tool=Tool(version="99.1"))),
    }
    planned = asyncio.run(plan_command._planned(fleet, CannedTransport(answers_), "1.5b", 20e6))
    plans: dict[str, DevicePlan] = {one.result.device: one.plan for one in planned if one.plan is not None}
    total = plan_command._total(plans)
    rows = [one.result for one in planned]
    code = answer_rows(
        fleet, "plan", rows, heads=plan_command.HEADS, cells=plan_command._cells, sums=plan_command._sums(total)
    )
    lines = capsys.readouterr().out.splitlines()
    assert code == 9
    assert lines[1].split()[:3] == ["nano-1", "done", "deepseek-r1:1.5b"]
    assert " deploy " in lines[1]
    assert lines[3].split()[:2] == ["old", "refused"]
    assert (total.planned, total.changed, total.refused) == (2, 2, 1)
    assert lines[6].startswith("2 of 2 devices would be changed; ")
    assert lines[6].endswith("; nothing was changed")


def test_a_store_that_was_listed_is_planned_with() -> None:
    """An empty one that exists: its models are none, not unknown."""
    path = seen(live()).facts.store
    assert path is not None
    answer = msgspec.structs.replace(live(), stores={path.path: StoreAnswer(exists=True, writable=True)})
    store = seen(answer).facts.store
    assert store is not None
    assert (store.models, store.pinned, store.writable) == ((), (), True)
