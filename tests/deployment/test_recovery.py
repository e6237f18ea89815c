"""What becomes of a cutover that was cut off; a case is a file in recoveries/, its name is the sentence."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
import states

from jetson_deploy.deployment.plan import AnyStep
from jetson_deploy.deployment.record import LABEL
from jetson_deploy.deployment.recovery import recovery
from jetson_deploy.deployment.revisions import Intent
from jetson_deploy.facts import ContainerFacts

CASES = sorted((Path(__file__).parent / "recoveries").glob("*.json"))


def container(found: dict[str, str]) -> ContainerFacts:
    number = found["name"].split("-")[2]
    return ContainerFacts(
        id=found["name"],
        name=found["name"],
        state=found["state"],
        image="dustynv/ollama",
        labels={LABEL + "name": "default", LABEL + "revision": number},
        restart_policy=found["policy"],
    )


def intent(number: int | None) -> Intent | None:
    if number is None:
        return None
    revision = states.revision(number)
    return Intent(
        id="x", command="up", revision=revision, replaces=f"jd-default-{number - 1}", proven=False, boot_id=None, at=""
    )


def words(step: AnyStep) -> str:
    fields: dict[str, Any] = msgspec.to_builtins(step)
    shown = {
        "set-restart": ("container", "policy"),
        "rename-container": ("container", "name"),
        "remember": ("what",),
    }.get(fields["do"], ("container",))
    if fields["do"] == "collect":
        return " ".join(["collect", *fields["keep"]])
    return " ".join([fields["do"], *(fields[key] for key in shown)])


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_a_cutover_that_was_cut_off_is_finished_or_undone(path: Path) -> None:
    case = json.loads(path.read_text())
    found = recovery(
        [container(c) for c in case["containers"]], intent(case["intent"]), 0.95, stopping=case.get("stopping", False)
    )
    assert [words(step) for step in found.steps] == case["steps"]
    assert (found.kind, found.serves) == (case["kind"], case["serves"])


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_no_recovery_creates_anything_or_starts_what_was_not_proven(path: Path) -> None:
    case = json.loads(path.read_text())
    found = recovery(
        [container(c) for c in case["containers"]], intent(case["intent"]), 0.95, stopping=case.get("stopping", False)
    )
    unproven = {c["name"] for c in case["containers"] if c["name"].endswith("-candidate") and c["policy"] == "no"}
    verbs = [words(step).split() for step in found.steps]
    assert not any(v[0] == "create-container" for v in verbs)
    assert not any(v[0] in ("start-container", "set-restart", "rename-container") and v[1] in unproven for v in verbs)
