"""Every known issue is shown by its positive samples (samples/ID.yaml), by none of its negative ones."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import msgspec
import pytest
import quick_yaml

from jetson_deploy.catalog import issue_check
from jetson_deploy.catalog.catalog import Catalog
from jetson_deploy.catalog.entries import Issue
from jetson_deploy.catalog.load import load_catalog, load_issues
from jetson_deploy.catalog.parts import Part
from jetson_deploy.catalog.symptoms import fitting, of_kernel
from jetson_deploy.deploy.survey import survey
from jetson_deploy.deployment.finding import Finding
from jetson_deploy.deployment.request import as_deployed
from jetson_deploy.detect.looked import LookedAt
from jetson_deploy.doctor.explained import explained
from jetson_deploy.facts import HostFacts
from jetson_deploy.plan.known_issues import judge, severity_of
from jetson_deploy.plan.make import draft_plan
from jetson_deploy.plan.remarks import host_warnings
from jetson_deploy.prepare.steps.listed import STEPS
from jetson_deploy.settings import Settings

TESTS = Path(__file__).parents[1]
SAMPLES = Path(__file__).with_name("samples")
BOARD = TESTS / "hosts" / "orin-nano-8gb-jp6.2" / "root"
SOURCES = TESTS.parent / "jetson_deploy"
IDS = sorted(path.stem for path in (TESTS.parent / "profiles" / "issues").glob("*.yaml"))
TEXTS = {"symptoms": ("log", "engine", "pull", "file"), "kernel": ("kernel",)}
KEYS = {*TEXTS["symptoms"], "kernel", "facts", "files", "absent", "modules", "unknown", "finding", "caused_by"}


@functools.cache
def issues() -> dict[str, Issue]:
    return load_issues(system_dir=SAMPLES / "none", user_dir=SAMPLES / "none")


@functools.cache
def catalog() -> Catalog:
    return load_catalog(system_dir=SAMPLES / "none", user_dir=SAMPLES / "none")


@functools.cache
def samples(id_: str) -> dict[str, list[dict[str, Any]]]:
    path = SAMPLES / f"{id_}.yaml"
    return quick_yaml.loaded(path.read_text()) if path.is_file() else {"positive": [], "negative": []}


@functools.cache
def ready() -> Any:
    """The facts of a board that nothing is wrong with."""
    return msgspec.to_builtins(survey(BOARD, Settings(), catalog(), store=None, deployment="default"))


def merged(base: Any, changes: Any) -> Any:
    if not isinstance(base, dict) or not isinstance(changes, dict):
        return changes
    return {**base, **{key: merged(base.get(key), value) for key, value in changes.items()}}


def shown(sample: dict[str, Any], issue: Issue) -> bool:
    """The engine's own judgement of one sample."""
    if "kernel" in sample:
        return any(fitting(sample["kernel"], of_kernel([issue])))
    if text := next((sample[key] for key in ("log", "engine", "pull") if key in sample), None):
        return any(fitting(text, [issue]))
    if "file" in sample:
        return any(fitting((TESTS / "data" / "causes" / sample["file"]).read_text(), [issue]))
    return issue.id in {one.id for one in explained(found(sample), issues())}


def found(sample: dict[str, Any]) -> list[Finding]:
    if "finding" in sample:
        cause = issues()[sample["caused_by"]].title if "caused_by" in sample else ""
        return [Finding(id=sample["finding"], severity="warning", evidence="seen", cause=cause)]
    facts = facts_of(sample)
    draft = draft_plan(facts, as_deployed("default", Settings()), catalog())
    return [
        *draft.findings,
        *host_warnings(facts, catalog()),
        *judge(facts, looked(sample), issues().values()).findings,
    ]


def facts_of(sample: dict[str, Any]) -> HostFacts:
    return msgspec.convert(merged(ready(), sample["facts"]), HostFacts)


def looked(sample: dict[str, Any]) -> LookedAt:
    return LookedAt(
        files=sample.get("files", {}), absent=frozenset(sample.get("absent", ())), modules=sample.get("modules", {})
    )


@pytest.mark.parametrize("id_", IDS)
def test_a_known_issue_is_shown_by_each_of_its_positive_samples(id_: str) -> None:
    missed = [sample for sample in samples(id_)["positive"] if not shown(sample, issues()[id_])]
    assert missed == []


@pytest.mark.parametrize("id_", IDS)
def test_a_known_issue_is_shown_by_none_of_its_negative_samples(id_: str) -> None:
    mistaken = [sample for sample in samples(id_)["negative"] if shown(sample, issues()[id_])]
    assert mistaken == []


@pytest.mark.parametrize("id_", IDS)
def test_what_a_sample_leaves_unknown_is_said_and_not_judged(id_: str) -> None:
    for sample in samples(id_)["negative"]:
        if "facts" in sample and issues()[id_].probe is not None:
            unknown = judge(facts_of(sample), looked(sample), [issues()[id_]]).unknown
            assert (id_ in unknown) is sample.get("unknown", False), sample


def test_no_known_issue_is_without_a_positive_and_a_negative_sample_of_each_way_to_see_it() -> None:
    assert [f"{id_}: {lack}" for id_ in IDS for lack in lacks(issues()[id_], samples(id_))] == []
    assert {path.stem for path in SAMPLES.glob("*.yaml")} == set(IDS)


def lacks(issue: Issue, given: dict[str, list[dict[str, Any]]]) -> list[str]:
    ways = {name: keys for name, keys in TEXTS.items() if getattr(issue, name)}
    ways |= {"probe": ("facts",)} if issue.probe else {}
    ways |= {"checks": ("facts", "finding")} if issue.checks else {}
    ways = ways or {"anything": tuple(KEYS)}
    return [
        f"no {kind} sample of its {way}"
        for kind in ("positive", "negative")
        for way, keys in ways.items()
        if not any(set(keys) & set(sample) for sample in given[kind])
    ]


def test_an_issue_without_samples_is_missed_by_that_test() -> None:
    issue = issues()["docker28-iptables-raw"]
    only_text = {"positive": [{"engine": "x"}], "negative": [{"engine": "x"}]}
    assert lacks(issue, only_text) == ["no positive sample of its probe", "no negative sample of its probe"]
    assert lacks(issue, {"positive": [], "negative": []}) != []


def test_a_sample_holds_only_keys_that_are_read() -> None:
    assert [
        (id_, set(one) - KEYS) for id_ in IDS for kind in samples(id_).values() for one in kind if set(one) - KEYS
    ] == []


def test_a_check_that_an_issue_names_is_one_that_the_code_makes() -> None:
    source = "\n".join(path.read_text() for path in SOURCES.rglob("*.py"))
    named = {check for issue in issues().values() for check in issue.checks}
    unknown = {check for check in named if f'"{check}"' not in source}
    composed = {check for check in unknown if check.startswith(("engine-", "check-"))}
    assert unknown - composed == set()
    assert composed <= {"engine-absent", "engine-stopped", "engine-permission", "engine-hung", "check-gpu-failed"}


def test_up_refuses_only_for_a_host_that_no_container_can_serve_on() -> None:
    """A container that fails again and again is none of them: `up` is what mends it."""
    refuses = {one.id for one in issues().values() if one.probe is not None and severity_of(one) == "block"}
    assert refuses == {"cgroup-v2-old-kernel", "data-root-failing"}


def test_the_steps_that_an_issue_names_are_steps_of_prepare() -> None:
    assert {step for issue in issues().values() for step in issue.steps} - set(STEPS) == set()


def test_no_two_issues_claim_the_same_check_or_title() -> None:
    checks = [check for issue in issues().values() for check in issue.checks]
    titles = [issue.title for issue in issues().values()]
    assert (len(set(checks)), len(set(titles))) == (len(checks), len(titles))


@pytest.mark.parametrize("id_", IDS)
def test_the_probe_of_a_built_in_issue_means_something(id_: str) -> None:
    issue = issues()[id_]
    issue_check.probe([Part(Path(f"{id_}.yaml"), msgspec.to_builtins(issue), built_in=False)], issue)
