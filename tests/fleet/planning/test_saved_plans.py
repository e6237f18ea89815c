"""A saved plan holds for a device while the plan made now is the same; else what moved is named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
import quick_yaml

from jetson_deploy.errors import UsageError
from jetson_deploy.fleet.planning.device_plan import Decided, DevicePlan, Ground, Refusal
from jetson_deploy.fleet.planning.saved import check_saved, read_saved, save

CASES = quick_yaml.loaded((Path(__file__).parent / "moved.yaml").read_text())
DECIDED = Decided(
    image="dustynv/ollama:r36.4.3",
    model="deepseek-r1:7b",
    context_tokens=8192,
    port=11434,
    steps=("stage-model deepseek-r1:7b", "create-container jd-default-1-candidate 00ff"),
)
GROUND = Ground(
    board="orin-nano-8gb",
    l4t="36.4.3",
    memory_total_bytes=8 << 30,
    memory_available_bytes=6 << 30,
    disk="/",
    disk_free_bytes=40 << 30,
    store="/var/lib/jetson-deploy/models",
    power_mode="MAXN_SUPER",
    engine="28.0",
)


def plan(changes: dict[str, Any]) -> DevicePlan:
    decided = changes.get("decided", {})
    if "steps" in decided:
        decided = decided | {"steps": tuple(decided["steps"])}
    refused = changes.get("refused")
    return DevicePlan(
        decided=None if refused else msgspec.structs.replace(DECIDED, **decided),
        refusals=(Refusal(code="some", cause=refused),) if refused else (),
        ground=msgspec.structs.replace(GROUND, **changes.get("ground", {})),
    )


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_what_moved_is_named_and_what_does_not_matter_is_not(case: dict[str, Any]) -> None:
    assert check_saved(plan(case.get("saved", {})), plan(case.get("now", {}))) == case["moved"]


def test_a_plan_is_read_back_as_it_was_saved_by_its_owner_alone(tmp_path: Path) -> None:
    devices = {"nano-1": plan({}), "nano-2": plan({"refused": "no disk"})}
    file = tmp_path / "plan.json"
    save(file, inventory="fleet.yaml", at="2026-11-29T12:00:00+00:00", devices=devices, model="deepseek-r1:1.5b")
    assert read_saved(file).devices == devices
    assert read_saved(file).model == "deepseek-r1:1.5b"
    assert file.stat().st_mode & 0o777 == 0o600


BAD = {"nothing": b"", "another document": b'{"schema": "jetson-deploy.plan/1"}', "nesting": b"[" * 100_000}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_saved_plan_is_refused(name: str, tmp_path: Path) -> None:
    (tmp_path / "plan.json").write_bytes(BAD[name])
    with pytest.raises(UsageError, match="is no saved plan") as caught:
        read_saved(tmp_path / "plan.json")
    assert caught.value.code == "not-a-saved-plan"


@pytest.mark.parametrize(("schema", "version"), [(2, "9.1.0"), (1, "0.0.1")])
def test_one_of_another_version_that_is_not_read_is_said_to_be_that(schema: int, version: str, tmp_path: Path) -> None:
    text = f'{{"schema": "jetson-deploy.fleet-saved-plan/{schema}", "version": "{version}", "devices": []}}'
    (tmp_path / "plan.json").write_text(text)
    with pytest.raises(UsageError, match=f"was saved by version '{version}' of the tool; this is ") as caught:
        read_saved(tmp_path / "plan.json")
    assert (caught.value.code, "fleet plan --save" in caught.value.hint) == ("not-a-saved-plan", True)


def test_a_plan_that_cannot_be_written_is_told_so(tmp_path: Path) -> None:
    (tmp_path / "plan.json").mkdir()
    with pytest.raises(UsageError, match="cannot write"):
        save(tmp_path / "plan.json", inventory="", at="", devices={})
