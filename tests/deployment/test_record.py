"""What is written on a container, byte by byte: containers of every version before must be found and read.

`labels/made/`: what is made of captured boards; `labels/older/`: what version 0.1.0 made, where that was something
else: before kept prompts had a bound. `labels/odd.json`: labels that are missing or damaged, and
what 0.1.0 read from them. `labels/recorded.json`: what it read from the container in `data/inspect`.
"""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from jetson_deploy import __version__
from jetson_deploy.catalog.load import load_catalog
from jetson_deploy.deploy.survey import survey
from jetson_deploy.deployment.instance import read_instance
from jetson_deploy.deployment.plan import CreateContainer, Gates, Plan
from jetson_deploy.deployment.record import (
    Record,
    deployment_of,
    described,
    label_of,
    renumbered,
    same_wishes,
    self_describing,
    stamped,
)
from jetson_deploy.deployment.request import Request
from jetson_deploy.facts import ContainerFacts, EngineFacts
from jetson_deploy.plan.container import repinned
from jetson_deploy.plan.make import draft_plan
from jetson_deploy.server.opened import open_server
from jetson_deploy.settings import Settings

TESTS = Path(__file__).parent.parent
LABELS = Path(__file__).parent / "labels"
MADE = sorted(path.stem for path in (LABELS / "made").glob("*.json"))
OLDER = sorted(path.stem for path in (LABELS / "older").glob("*.json"))
VERSION = "io.jetson-deploy.version"


def read_json(*parts: str) -> Any:
    return json.loads(LABELS.joinpath(*parts).read_text(encoding="utf-8"))


def made(case: str) -> dict[str, Any]:
    """As written then, but by this version."""
    document: dict[str, Any] = read_json("made", f"{case}.json")
    assert document["labels"].keys() > {VERSION}
    document["labels"][VERSION] = __version__
    return document


@pytest.mark.parametrize("case", OLDER)
def test_a_deployment_of_before_is_read_and_replaced_once_with_its_model_and_its_context(case: str) -> None:
    document: dict[str, Any] = read_json("older", f"{case}.json")
    labels = document["labels"] | document["describing"]
    assert typed(labels) == document["read"]
    plan = replan(document, labels)
    made_new = [step.spec for step in plan.steps if isinstance(step, CreateContainer)]
    assert [Record.read(spec.labels).context_tokens for spec in made_new] == [document["read"]["context_tokens"]]
    assert plan.model.name == document["read"]["model"]
    assert "LLAMA_ARG_CACHE_RAM" in made_new[0].environment
    assert replan(document, dict(made_new[0].labels)).steps == ()


def replan(document: dict[str, Any], labels: dict[str, str]) -> Plan:
    """The same request again, where a container of these labels serves."""
    catalog, request = load_catalog(), msgspec.convert(document["request"], Request)
    facts = survey(TESTS / "hosts" / document["host"] / "root", Settings(), catalog, store=None, deployment="default")
    serving = ContainerFacts(id="1" * 64, name="jd-default-1", state="running", image="sha256:0", labels=labels)
    engine = EngineFacts(reachable=True, runtimes=("nvidia",), containers=(serving,))
    return draft_plan(msgspec.structs.replace(facts, engine=engine), request, catalog).accepted()


@functools.cache
def plan_of(case: str) -> Plan:
    """With the model, the context and the floor that were chosen then: what is chosen now is told by `tests/hosts`."""
    document, catalog = made(case), load_catalog()
    model, context = (document["labels"][f"io.jetson-deploy.{key}"] for key in ("model", "context"))
    request = msgspec.convert({**document["request"], "model": model, "context_tokens": int(context)}, Request)
    root = TESTS / "hosts" / document["host"] / "root"
    facts = survey(root, Settings(), catalog, store=None, deployment=request.name)
    plan = draft_plan(facts, request, catalog).accepted()
    floor = json.loads(document["describing"]["io.jetson-deploy.gates"])["floor_tokens_per_second"]
    return msgspec.structs.replace(plan, gates=msgspec.structs.replace(plan.gates, floor_tokens_per_second=floor))


def typed(labels: dict[str, str]) -> dict[str, Any]:
    """What is read from a container of these labels, without what the engine says of it."""
    found = ContainerFacts(id="1", name="jd-default-1", state="running", image="sha256:0", labels=labels)
    fields: dict[str, Any] = msgspec.to_builtins(read_instance(found).record)
    assert fields.pop("further") == {}  # options that version 0.1.0 did not have
    assert fields.pop("server") == "ollama"  # the only one that it knew
    return {key: value for key, value in fields.items() if key not in ("name", "schema", "version")}


@pytest.mark.parametrize("case", MADE)
def test_a_plan_of_a_captured_board_writes_the_same_labels_in_the_same_order(case: str) -> None:
    assert list(plan_of(case).spec.labels.items()) == list(made(case)["labels"].items())


@pytest.mark.parametrize("case", MADE)
def test_the_spec_and_the_gates_among_the_labels_are_the_same_bytes(case: str) -> None:
    plan, document = plan_of(case), made(case)
    assert self_describing(plan.spec, plan.gates).labels == document["labels"] | document["describing"]


@pytest.mark.parametrize("case", MADE)
def test_what_the_labels_say_is_read_with_its_types(case: str) -> None:
    document = made(case)
    assert typed(document["labels"] | document["describing"]) == document["read"]


def test_another_server_than_the_usual_one_is_a_label_and_another_deployment() -> None:
    spec = plan_of(MADE[0]).spec
    before = Record.read(spec.labels)
    other = stamped(spec, msgspec.structs.replace(before, server="another"))
    again = stamped(spec, before)
    assert Record.read(other.labels).server == "another"
    assert Record.read(other.labels).spec_hash != Record.read(again.labels).spec_hash
    assert other.labels.keys() - again.labels.keys() == {"io.jetson-deploy.server"}
    assert not same_wishes(other.labels, again.labels)
    assert same_wishes(other.labels, dict(other.labels))


@pytest.mark.parametrize("case", MADE)
def test_a_record_that_was_read_is_written_as_it_was(case: str) -> None:
    document = made(case)
    record = Record.read(document["labels"] | document["describing"])
    assert list(record.labels().items()) == list(document["labels"].items())
    assert (record.schema, record.version) == ("1", __version__)
    assert record.name == deployment_of(document["labels"]) == document["request"].get("name", "default")
    key, name = label_of(record.name)
    assert document["labels"][key] == name


@pytest.mark.parametrize("case", MADE)
def test_spec_and_gates_are_read_back_from_the_labels(case: str) -> None:
    plan, document = plan_of(case), made(case)
    foreign = {"maintainer": "somebody else"}
    assert described(document["labels"] | document["describing"] | foreign) == (plan.spec, plan.gates)


@pytest.mark.parametrize("case", MADE)
def test_a_spec_with_other_digests_has_the_same_hash_as_before(case: str) -> None:
    pin = made(case)["repinned"]
    spec = repinned(open_server(), plan_of(case).spec, pin["image"], pin["model_digest"])
    assert spec.labels["io.jetson-deploy.spec-hash"] == pin["spec_hash"]
    assert (spec.image, spec.labels["io.jetson-deploy.image"]) == (pin["image"], pin["image"])
    assert spec.labels["io.jetson-deploy.model-digest"] == pin["model_digest"]


def test_another_number_changes_nothing_else_of_labels_that_are_incomplete_too() -> None:
    spec = msgspec.structs.replace(plan_of("default").spec, labels={"io.jetson-deploy.name": "default"})
    assert renumbered(spec, 8).labels == {"io.jetson-deploy.name": "default", "io.jetson-deploy.revision": "8"}


@pytest.mark.parametrize("what", read_json("odd.json"))
def test_missing_and_damaged_labels_are_read_as_before(what: str) -> None:
    case = read_json("odd.json")[what]
    assert typed(case["labels"]) == case["read"]
    assert deployment_of(case["labels"]) == case["labels"].get("io.jetson-deploy.name")


@pytest.mark.parametrize("label", ["spec", "gates"])
def test_a_container_without_one_of_its_two_descriptions_has_none(label: str) -> None:
    document = made("default")
    labels = document["labels"] | document["describing"]
    assert described({**labels, f"io.jetson-deploy.{label}": "{"}) == (None, None)
    del labels[f"io.jetson-deploy.{label}"]
    assert described(labels) == (None, None)


def test_a_recorded_container_is_read_as_before() -> None:
    answer = json.loads((TESTS / "data" / "inspect" / "engine-20.10.24.json").read_text())
    labels = answer["container"]["Config"]["Labels"]
    assert typed(labels) == read_json("recorded.json")["read"]
    spec, gates = described(labels)
    assert spec is not None and spec.environment["OLLAMA_HOST"] == "127.0.0.1:11434"
    assert spec.labels == {k: v for k, v in labels.items() if k.split(".")[-1] not in ("spec", "gates")}
    assert gates == Gates(
        min_gpu_share=0.95,
        accept_cpu=True,
        floor_tokens_per_second=4.18,
        expect_version="0.9.5",
        expect_manifest_digest="f2d801784a80029ae11ce682bc6f075ae384173d558e52b7060bb08b4f5ad63b",
        stability_seconds=1.0,
    )
