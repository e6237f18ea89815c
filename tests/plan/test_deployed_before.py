"""A container that version 0.1.0 deployed is what serves for this one: it is kept, replaced and gone back to."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from jetson_deploy.catalog.load import load_catalog
from jetson_deploy.deploy.survey import survey
from jetson_deploy.deployment.drifted import UpWould
from jetson_deploy.deployment.instance import find_serving
from jetson_deploy.deployment.older_version import older_drifted
from jetson_deploy.deployment.plan import CreateContainer, Plan
from jetson_deploy.deployment.rebuild import rebuilt
from jetson_deploy.deployment.record import self_describing
from jetson_deploy.deployment.request import Request
from jetson_deploy.detect.host import Host
from jetson_deploy.detect.recorded import recorded_engine
from jetson_deploy.facts import ContainerFacts, EngineFacts, HostFacts
from jetson_deploy.plan.make import draft_plan
from jetson_deploy.plan.rollback import choose_revision, plan_rollback
from jetson_deploy.settings import Settings

TESTS = Path(__file__).parent.parent
MADE = sorted((TESTS / "deployment" / "labels" / "made").glob("*.json"))
OLDER = sorted((TESTS / "deployment" / "labels" / "older").glob("*.json"))
CATALOG = load_catalog()
ENGINE = recorded_engine(Host(TESTS / "hosts" / "orin-nano-8gb-jp6.2" / "root")) or EngineFacts(reachable=False)
"""Not every board was captured with its engine's answers."""


def facts_with(document: dict[str, Any], name: str) -> HostFacts:
    """Of the board that the labels were made for, with the container that carries them."""
    facts = survey(TESTS / "hosts" / document["host"] / "root", Settings(), CATALOG, store=None, deployment=name)
    labels = document["labels"] | document["describing"]
    container = ContainerFacts(
        id="1", name=f"jd-{name}-1", state="running", image="sha256:0", labels=labels, restart_policy="always"
    )
    return msgspec.structs.replace(facts, engine=msgspec.structs.replace(ENGINE, containers=(container,)))


def document_of(case: Path) -> tuple[dict[str, Any], Request]:
    document: dict[str, Any] = json.loads(case.read_text(encoding="utf-8"))
    return document, msgspec.convert(document["request"], Request)


def created(plan: Plan) -> list[str]:
    return [step.container for step in plan.steps if isinstance(step, CreateContainer)]


@pytest.mark.parametrize("case", MADE, ids=lambda p: p.stem)
def test_the_same_request_again_keeps_the_container(case: Path) -> None:
    document, request = document_of(case)
    plan = draft_plan(facts_with(document, request.name), request, CATALOG).accepted()
    assert (created(plan), plan.container) == ([], f"jd-{request.name}-1")


@pytest.mark.parametrize("case", MADE, ids=lambda p: p.stem)
def test_what_its_labels_hold_is_kept_where_nothing_is_asked_for(case: Path) -> None:
    document, request = document_of(case)
    facts = facts_with(document, request.name)
    # Sizes and simulations are not kept: the model is chosen anew, and a rehearsal says itself what is not real.
    again = Request(name=request.name, model=request.model, context_tokens=request.context_tokens)
    plan = draft_plan(facts, msgspec.structs.replace(again, simulated=request.simulated), CATALOG).accepted()
    assert (created(plan), plan.container) == ([], f"jd-{request.name}-1")


@pytest.mark.parametrize("case", MADE, ids=lambda p: p.stem)
def test_it_is_gone_back_to_with_its_spec_under_a_new_number(case: Path) -> None:
    document, request = document_of(case)
    facts = facts_with(document, request.name)
    assert facts.engine is not None and find_serving(facts.engine, request.name) is not None
    state = rebuilt(request.name, facts.engine.containers)
    revision = choose_revision(state, 1, request.name, force=False)
    plan = plan_rollback(facts, msgspec.structs.replace(request, force=True), state, revision, CATALOG.limits)
    assert created(plan) == [f"jd-{request.name}-2-candidate"]
    changed = {key for key, text in plan.spec.labels.items() if document["labels"][key] != text}
    assert (changed, plan.spec.labels.keys()) == ({"io.jetson-deploy.revision"}, document["labels"].keys())


@pytest.mark.parametrize("case", OLDER, ids=lambda p: p.stem)
def test_one_that_this_version_would_make_otherwise_is_replaced_once_with_the_reason_of_each_setting(
    case: Path,
) -> None:
    document, request = document_of(case)
    facts = facts_with(document, request.name)
    again = Request(name=request.name, image_policy=request.image_policy, simulated=request.simulated)
    plan = draft_plan(facts, msgspec.structs.replace(again, accept_cpu=request.accept_cpu), CATALOG).accepted()
    assert created(plan) == [f"jd-{request.name}-2-candidate"]
    kept = document["labels"]["io.jetson-deploy.model"], document["labels"]["io.jetson-deploy.context"]
    assert (plan.model.name, str(plan.model.context_tokens)) == kept
    reasons = [one.evidence for one in plan.findings if one.id == "made-by-older-version"]
    assert all(text.startswith("deployed by jetson-deploy 0.1.0, replaced once for environment.") for text in reasons)
    named = {text.split("environment.")[1].partition(":")[0] for text in reasons}
    assert named == changed_variables(document, plan)
    assert all(text.endswith(")") for text in reasons), "each has a reason"
    assert not [text for text in reasons if text not in plan.warnings]


@pytest.mark.parametrize("case", OLDER, ids=lambda p: p.stem)
def test_drift_names_what_an_older_version_made_and_calls_it_no_fault(case: Path) -> None:
    document, request = document_of(case)
    plan = draft_plan(facts_with(document, request.name), request, CATALOG).accepted()
    found = list(older_drifted(document["labels"] | document["describing"], UpWould(plan=plan)))
    assert {one.what.removeprefix("environment.") for one in found} == changed_variables(document, plan)
    assert {(one.id, one.level, one.up_would) for one in found} == {
        ("made-by-older-version", "info", "replace the container")
    }
    assert all("made by jetson-deploy 0.1.0: serves as it was proven" in one.effect for one in found)
    own = self_describing(plan.spec, plan.gates).labels
    assert not list(older_drifted(own, UpWould(plan=plan))), "what this version made is none"


@pytest.mark.parametrize("case", OLDER, ids=lambda p: p.stem)
def test_once_replaced_it_is_kept(case: Path) -> None:
    document, request = document_of(case)
    plan = draft_plan(facts_with(document, request.name), request, CATALOG).accepted()
    document["labels"], document["describing"] = plan.spec.labels, {}
    plan = draft_plan(facts_with(document, request.name), request, CATALOG).accepted()
    assert (created(plan), [one for one in plan.findings if one.id == "made-by-older-version"]) == ([], [])


def changed_variables(document: dict[str, Any], plan: Plan) -> set[str]:
    before: dict[str, str] = json.loads(document["describing"]["io.jetson-deploy.spec"])["environment"]
    after = plan.spec.environment
    return {name for name in {*before, *after} if before.get(name) != after.get(name)}
