"""Every known issue that names a step names one of prepare's, which has something to do where the issue is seen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
import quick_yaml
from bare_board import CAPTURED, BareBoard

from jetson_deploy.catalog.load import load_catalog, load_issues
from jetson_deploy.doctor.checkup import check_up, facts_of
from jetson_deploy.doctor.patient import Patient
from jetson_deploy.facts import HostFacts
from jetson_deploy.prepare.steps.listed import STEPS
from jetson_deploy.server.opened import open_server
from jetson_deploy.settings import Settings

SAMPLES = Path(__file__).parents[1] / "doctor" / "samples"
MENDED = {id_: issue for id_, issue in load_issues().items() if issue.steps}


def changed(base: Any, changes: Any) -> Any:
    if not isinstance(base, dict) or not isinstance(changes, dict):
        return changes
    return {**base, **{key: changed(base.get(key), value) for key, value in changes.items()}}


@pytest.mark.parametrize("id_", sorted(MENDED))
def test_where_an_issue_is_seen_each_of_its_steps_has_something_to_do(id_: str, tmp_path: Path) -> None:
    """On a bare board, with the facts of the issue's own samples where a probe goes by them."""
    issue = MENDED[id_]
    samples = quick_yaml.loaded((SAMPLES / f"{id_}.yaml").read_text())["positive"]
    look = BareBoard(tmp_path).make().look()
    for sample in [one for one in samples if "facts" in one and issue.probe] or [{"facts": {}}]:
        facts = msgspec.convert(changed(msgspec.to_builtins(look.facts), sample["facts"]), HostFacts)
        for step in issue.steps:
            checked = STEPS[step].check(msgspec.structs.replace(look, facts=facts))
            assert checked.state == "to-do", (step, checked.now)


def test_the_steps_of_known_issues_are_steps_of_prepare() -> None:
    named = {step for issue in load_issues().values() for step in issue.steps}
    assert named
    assert named <= set(STEPS)


def test_a_taken_port_alone_stops_no_server_of_another() -> None:
    """It may be any program; `ollama-service` is done when it is asked for by name."""
    assert STEPS["ollama-service"].asked_by_name
    assert load_issues()["port-in-use"].steps == ()


@pytest.mark.parametrize(("is_jetson", "steps"), [(True, ("swap",)), (None, ("swap",)), (False, ())])
def test_a_step_is_named_where_prepare_does_it(is_jetson: bool | None, steps: tuple[str, ...]) -> None:
    """On a machine that is no Jetson it refuses."""
    patient = Patient(
        root=CAPTURED,
        settings=Settings(),
        catalog=load_catalog(()),
        issues=load_issues(),
        deployment="default",
        servers=open_server,
    )
    known = facts_of(patient, None)
    memory = msgspec.structs.replace(known.memory, zram_bytes=2**31, swap_total_bytes=2**31)
    found = check_up(patient, None, msgspec.structs.replace(known, is_jetson=is_jetson, memory=memory)).findings
    assert [one.steps for one in found if one.id == "zram-swap"] == [steps]
    assert steps or not any(one.steps for one in found)
