"""Logs, engine errors and pull errors that people posted (tests/data/causes): each is told by its cause."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import quick_yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from jetson_deploy.catalog.entries import Issue
from jetson_deploy.catalog.load import load_issues
from jetson_deploy.catalog.required import required_words
from jetson_deploy.catalog.symptoms import believed_order, compiled, first_match, fitting
from jetson_deploy.runtime.docker.errors import refusal
from jetson_deploy.runtime.docker.pull_errors import pull_error
from jetson_deploy.server.diagnose import causes

CAUSES = Path(__file__).parents[1] / "data" / "causes"
CASES: list[dict[str, Any]] = quick_yaml.loaded((CAUSES / "expected.yaml").read_text())
TEXTS = {case["file"]: (CAUSES / case["file"]).read_text() for case in CASES}


@pytest.fixture(scope="module")
def issues(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Issue]:
    absent = tmp_path_factory.mktemp("none") / "absent"
    return load_issues(system_dir=absent, user_dir=absent)


def of(*places: str) -> list[Any]:
    return [pytest.param(case, id=case["file"]) for case in CASES if case["file"].split("/")[0] in places]


@pytest.mark.parametrize("case", of("log"))
def test_a_log_names_its_cause_first_with_the_line_that_shows_it(
    case: dict[str, Any], issues: dict[str, Issue]
) -> None:
    found = next(causes(TEXTS[case["file"]], exit_code=None, oom_killed=False, issues=issues), None)
    assert (found.id if found else None) == case["cause"]
    if found is not None:
        assert case.get("evidence", "") in found.evidence
        assert case.get("hint", "") in found.hint


@pytest.mark.parametrize("case", of("engine"))
def test_an_answer_of_the_engine_is_told_by_the_whole_of_it(case: dict[str, Any], issues: dict[str, Issue]) -> None:
    error = refusal(TEXTS[case["file"]], "starting")
    assert (error.code, error.exit_code) == (case["code"], case["exit_code"])
    assert case.get("says", "") in error.message
    assert len(error.message) < 700
    assert named(TEXTS[case["file"]], issues, "engine") == case["cause"]


@pytest.mark.parametrize("case", of("pull"))
def test_what_failed_a_pull_is_told_by_the_whole_of_it(case: dict[str, Any], issues: dict[str, Issue]) -> None:
    error = pull_error("x", TEXTS[case["file"]])
    assert (error.code, error.exit_code) == (case["code"], case["exit_code"])
    assert named(TEXTS[case["file"]], issues, "pull") == case["cause"]


def named(text: str, issues: dict[str, Issue], *places: Any) -> str | None:
    flat = " ".join(text.split())
    fit = next(fitting(flat, believed_order(issues.values(), *places)), None)
    return fit.issue.id if fit else None


def test_every_text_of_the_folder_is_expected_to_be_something() -> None:
    files = {str(path.relative_to(CAUSES)) for path in CAUSES.glob("*/*.txt") if path.parent.name != "healthy"}
    assert files == TEXTS.keys()


HEALTHY = [*(CAUSES / "healthy").glob("*.txt"), *(CAUSES.parent / "server-logs").glob("*.txt")]
FAULTY = ("gpu-0.9-second-load-partial.txt", "gpu-0.9-restarted-on-cpu.txt", "gpu-0.13.txt", "no-server.txt")
"""Made to show a fault: layers left on the CPU, a port that is taken."""
FAILED_LOADS = re.compile(r"## load failure|## model load\n.*\n.*\n.*llama-server binary not found")


@pytest.mark.parametrize("path", [p for p in HEALTHY if p.name not in FAULTY], ids=lambda p: p.name)
def test_a_healthy_log_has_no_cause_where_its_processor_was_accepted(path: Path, issues: dict[str, Issue]) -> None:
    """The recorded servers computed on a CPU, as they were asked to."""
    text = FAILED_LOADS.split(path.read_text())[0]
    wanted = {id_: issue for id_, issue in issues.items() if "cpu-serves" not in issue.explains}
    found = causes(text, exit_code=None, oom_killed=False, issues=wanted)
    assert [cause.id for cause in found] == []


BUILT_IN = [
    pattern
    for path in sorted((Path(__file__).parents[2] / "profiles" / "issues").glob("*.yaml"))
    for issue in [quick_yaml.loaded(path.read_text())]
    for pattern in (*issue["symptoms"], *issue.get("also", ()))
]


@settings(max_examples=400)
@given(st.data())
def test_whatever_a_pattern_fits_holds_one_of_the_words_that_it_needs(data: st.DataObject) -> None:
    pattern = data.draw(st.sampled_from(BUILT_IN))
    text = data.draw(st.from_regex(re.compile(pattern, re.ASCII)))
    words = required_words(pattern)
    assert not words or any(word in text.lower() for word in words), (pattern, text)


def test_nearly_every_pattern_is_told_by_a_word() -> None:
    assert sum(not required_words(pattern) for pattern in BUILT_IN) < len(BUILT_IN) // 20


def test_a_word_that_a_pattern_needs_never_keeps_it_from_fitting(issues: dict[str, Issue]) -> None:
    patterns = {pattern for issue in issues.values() for pattern in (*issue.symptoms, *issue.also)}
    for text in TEXTS.values():
        plain = {pattern for pattern in patterns if compiled(pattern).search(text)}
        assert {pattern for pattern in patterns if first_match(text, text.lower(), pattern)} == plain


def test_what_the_rules_said_before_they_knew_the_second_half_is_on_record() -> None:
    second = [case for case in CASES if case["half"] == "second"]
    right = [case for case in second if case["first_result"] == case["cause"]]
    assert (len(right), len(second)) == (11, 19)
