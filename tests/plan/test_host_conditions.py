"""What of a host stands against a deployment: all of it in order, and the error that `up` ends with.

A new case is an entry of host_conditions.json: how it differs from a captured board that is ready (`facts`), and what
is asked for (`request`). The errors were written down by the version that raised the first refusal and looked no
further.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from jetson_deploy.catalog.load import load_catalog
from jetson_deploy.deploy.survey import survey
from jetson_deploy.deployment.finding import Finding
from jetson_deploy.deployment.record import Record
from jetson_deploy.deployment.request import Request
from jetson_deploy.deployment.revisions import Revision, State
from jetson_deploy.errors import JetsonDeployError, UsageError
from jetson_deploy.facts import HostFacts
from jetson_deploy.plan.make import draft_plan
from jetson_deploy.settings import Settings

HERE = Path(__file__).parent
CATALOG = load_catalog()
READY = survey(
    HERE.parent / "hosts" / "orin-nano-8gb-jp6.2" / "root", Settings(), CATALOG, store=None, deployment="default"
)
CONDITIONS: dict[str, dict[str, Any]] = json.loads((HERE / "host_conditions.json").read_text(encoding="utf-8"))
JUDGED = {name: one for name, one in CONDITIONS.items() if (one["error"] or {}).get("class") != "UsageError"}


def facts_of(condition: dict[str, Any]) -> HostFacts:
    return msgspec.convert(_merged(msgspec.to_builtins(READY), condition.get("facts", {})), HostFacts)


def request_of(condition: dict[str, Any]) -> Request:
    return msgspec.convert({"name": "default", **condition.get("request", {})}, Request)


def state_of(condition: dict[str, Any]) -> State | None:
    """`failed`: what the revision that the very same plan would make ended with."""
    if "failed" not in condition:
        return None
    plan = draft_plan(READY, request_of(condition), CATALOG).accepted()
    failed = Revision(
        number=1,
        container=plan.container,
        outcome="failed",
        image=plan.image.reference,
        image_id=None,
        image_digest=None,
        model=plan.model.name,
        model_digest=None,
        store=plan.store,
        spec=plan.spec,
        spec_hash=Record.read(plan.spec.labels).spec_hash,
        gates=plan.gates,
        context_tokens=plan.model.context_tokens,
        accept_cpu=False,
        simulated=None,
        at="",
        **condition["failed"],
    )
    return State(deployment="default", revisions=(failed,))


def _merged(under: Any, over: Any) -> Any:
    if not isinstance(under, dict) or not isinstance(over, dict):
        return over
    return {**under, **{key: _merged(under.get(key), value) for key, value in over.items()}}


def told(error: JetsonDeployError) -> dict[str, Any]:
    return {
        "class": type(error).__name__,
        "code": error.code,
        "exit_code": error.exit_code,
        "message": error.message,
        "hint": error.hint,
        "details": list(error.details),
    }


def found(condition: dict[str, Any]) -> tuple[Finding, ...]:
    return draft_plan(facts_of(condition), request_of(condition), CATALOG, state_of(condition)).findings


@pytest.mark.parametrize("name", JUDGED)
def test_everything_that_stands_against_a_deployment_is_found_in_order(name: str) -> None:
    assert [[one.id, one.text, one.fix] for one in found(JUDGED[name])] == JUDGED[name]["findings"]


@pytest.mark.parametrize("name", [name for name, one in CONDITIONS.items() if one["error"] is None])
def test_the_warnings_and_assumptions_of_a_plan_are_its_findings(name: str) -> None:
    condition = CONDITIONS[name]
    plan = draft_plan(facts_of(condition), request_of(condition), CATALOG, state_of(condition)).accepted()
    said = {"warning": plan.warnings, "note": plan.assumptions}
    for severity, lines in said.items():
        assert tuple(one.line for one in plan.findings if one.severity == severity) == lines
    assert plan.findings == found(condition)


@pytest.mark.parametrize("name", CONDITIONS)
def test_up_ends_with_the_error_of_the_first(name: str) -> None:
    condition = CONDITIONS[name]
    arguments = facts_of(condition), request_of(condition), CATALOG, state_of(condition)
    if condition["error"] is None:
        assert draft_plan(*arguments).accepted().steps
        return
    with pytest.raises(JetsonDeployError) as caught:
        draft_plan(*arguments).accepted()
    assert told(caught.value) == condition["error"]


@pytest.mark.parametrize("name", [name for name in CONDITIONS if name not in JUDGED])
def test_a_request_that_names_nothing_known_is_refused_before_the_host_is_judged(name: str) -> None:
    with pytest.raises(UsageError):
        found(CONDITIONS[name])
