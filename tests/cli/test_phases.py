"""`up` in four lines: fetch, verify, deploy, health; what goes wrong is named in its phase."""

from __future__ import annotations

import io
import itertools
import json
import re
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

from jetson_deploy.cli.options import CommonOptions
from jetson_deploy.cli.phases import Phases
from jetson_deploy.cli.reporters import PlainReporter
from jetson_deploy.cli.up import finish_change
from jetson_deploy.deploy.outcome import Outcome
from jetson_deploy.deployment.layers import Layers
from jetson_deploy.events import Event, Note, Progress, StepFinished, StepStarted, Verdict
from jetson_deploy.names import NATIVE
from jetson_deploy.settings import Settings

GENERATE = Verdict(check="generate", passed=True, observed="26 tokens at 15.9 tok/s", expected="real tokens")
GPU = Verdict(check="gpu", passed=True, observed="100% on the GPU, 31/31 layers offloaded", expected="")
ON_CPU = Verdict(check="gpu", passed=False, observed="0% on the GPU", expected="at least 95% on the GPU")
STABLE = Verdict(check="stable", passed=True, observed="60 s without a restart", expected="")


def step(name: str, *inside: Event, ended: bool = True) -> list[Event]:
    end = [StepFinished(step=name, text="x", seconds=1.25)] if ended else []
    return [StepStarted(step=name, text="x"), *inside, *end]


FETCH = [*step("stage-model", Progress(item="m", done_bytes=1, total_bytes=2)), *step("stage-image")]
DEPLOY = [*step("pin-model"), *step("create-container"), *step("remember"), *step("start-container")]
HEALTH = [*step("prove", GENERATE, GPU), *step("settle", STABLE)]
COMMIT = [*step("remember"), *step("set-restart"), *step("rename-container"), *step("remember"), *step("collect")]
FIRST = [*FETCH, *DEPLOY, *HEALTH, *COMMIT]


def shown(events: Iterable[Event]) -> list[str]:
    seconds = itertools.count()
    phases = Phases(lambda: float(next(seconds)))
    return [line for event in events for line in phases(event)] + phases.end()


def test_a_first_deployment_is_told_in_four_lines() -> None:
    assert shown(FIRST) == [
        "fetch   ok: image in 1.2 s, model in 1.2 s",
        "verify  ok: image and model match their digests",
        "deploy  ok in 1.0 s: server started",
        "health  ok in 1.0 s: 26 tokens at 15.9 tok/s; 100% on the GPU, 31/31 layers offloaded",
    ]


def test_an_ollama_without_a_container_is_a_program() -> None:
    text = f"image {NATIVE}:0.9.5@sha256:00"
    fetched = [StepStarted(step="stage-image", text=text), StepFinished(step="stage-image", text=text, seconds=1.25)]
    assert shown([*fetched, *DEPLOY])[:2] == [
        "fetch   ok: program in 1.2 s",
        "verify  ok: program matches its digest",
    ]


def test_what_is_here_already_is_not_fetched_and_says_so() -> None:
    replaced = [*step("pin-model"), *step("create-container"), *step("stop-container"), *step("start-container")]
    assert shown([*replaced, *HEALTH, *COMMIT])[:2] == [
        "fetch   nothing: server and model are here",
        "deploy  ok in 1.0 s: the old server stopped, the new one started",
    ]


def test_a_server_that_is_only_asked_shows_its_health() -> None:
    assert shown([GENERATE, GPU]) == [
        "health  ok in 1.0 s: 26 tokens at 15.9 tok/s; 100% on the GPU, 31/31 layers offloaded"
    ]


def test_what_could_not_be_judged_stands_in_the_line() -> None:
    port = Verdict(check="port", passed=None, observed="listener cannot be read without root", expected="")
    assert shown([port, GENERATE])[0].endswith("15.9 tok/s; port listener cannot be read without root")


def test_of_the_speed_only_what_is_below_the_prediction_is_said_again() -> None:
    slow = "9.0 tok/s, below the predicted 16.1 to 29.9"
    assert shown([GENERATE, Verdict(check="speed", passed=None, observed=slow, expected="")])[0].endswith(slow)
    few = Verdict(check="speed", passed=None, observed="too few tokens to tell", expected="")
    assert "too few" not in shown([GENERATE, few])[0]


@pytest.mark.parametrize("passed", [True, None])
def test_what_was_found_of_speculation_is_said_whether_it_is_left_on_or_not(passed: bool | None) -> None:
    found = Verdict(check="speculation", passed=passed, observed="quoting answers 1.67 × as fast", expected="")
    lines = shown(
        [*DEPLOY, *step("prove", GENERATE), *step("try-speculation", found), *step("settle", STABLE), *COMMIT]
    )
    said = "26 tokens at 15.9 tok/s; speculation quoting answers 1.67 × as fast"
    assert lines[2:] == [f"health  ok in 1.0 s: {said}"]


def test_a_failed_proof_is_one_line_and_what_undoes_it_none() -> None:
    failing = [*FETCH, *DEPLOY, *step("prove", GENERATE, ON_CPU, ended=False)]
    undo = [*step("stop-container"), *step("remove-container"), *step("start-container"), *step("prove", GENERATE, GPU)]
    note = Note(level="info", text="jd-default-1 serves again")
    lines = shown([*failing, *undo, note])
    assert lines[3:] == [
        "health  FAILED: gpu: 0% on the GPU (expected: at least 95% on the GPU)",
        "info: jd-default-1 serves again",
    ]


def test_a_step_that_does_not_end_fails_its_phase() -> None:
    failing = [*FETCH, *step("create-container"), *step("start-container", ended=False), *step("remove-container")]
    assert shown(failing)[2:] == ["deploy  FAILED at start-container: x"]


def test_a_deployment_that_fails_its_questions_is_replaced_and_told_anew() -> None:
    lines = shown([ON_CPU, Note(level="warning", text="replacing it"), *DEPLOY, *HEALTH, *COMMIT])
    assert [line.split()[0] for line in lines] == ["health", "warning:", "fetch", "deploy", "health"]


def test_warnings_are_always_shown_and_what_pruning_says_is_not() -> None:
    warning, info = Note(level="warning", text="w"), Note(level="info", text="removed from store")
    assert shown([warning, *FIRST, info])[0] == "warning: w"
    assert "info: removed from store" not in shown([*FIRST, info])


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("stream", "stamped"), [(io.StringIO(), True), (Terminal(), False)], ids=["log", "terminal"])
def test_lines_in_a_log_carry_the_time_of_day(
    stream: io.StringIO, stamped: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stderr", stream)
    report = PlainReporter(Phases(), timed=True)
    for event in FIRST:
        report(event)
    report.close()
    lines = stream.getvalue().splitlines()
    assert len(lines) == 4
    assert all(bool(re.match(r"\d\d:\d\d:\d\d \w", line)) is stamped for line in lines)


def test_a_terminal_shows_the_four_lines_and_takes_away_what_moves(monkeypatch: pytest.MonkeyPatch) -> None:
    from jetson_deploy.cli.bars import LiveReporter

    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    report = LiveReporter(Phases())
    for event in FIRST:
        report(event)
    report.close()
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", terminal.getvalue())
    lines = [line.strip() for line in re.split(r"[\r\n]+", text)]
    for phase in ("fetch   ok", "verify  ok", "deploy  ok", "health  ok"):
        assert sum(line.startswith(phase) for line in lines) == 1
    assert lines[-1].startswith("health  ok") or lines[-1] == ""


OUTCOME = Outcome(
    result="done",
    deployment="default",
    endpoint="http://127.0.0.1:11434",
    container="jd-default-1",
    image="dustynv/ollama:r36",
    model="deepseek-r1:8b",
    context_tokens=3072,
    tokens_per_second=15.9,
    gpu_share=0.0,
    accept_cpu=True,
    simulated="a board",
    verdicts=(),
    warnings=(),
    assumptions=(),
)
SERVING = (
    "serving: deepseek-r1:8b at http://127.0.0.1:11434, context 3072, 15.9 tok/s measured, 0% on the GPU, "
    "CPU accepted (--accept-cpu)\n"
)


def form(**chosen: bool) -> CommonOptions:
    usual = {"as_json": False, "as_events": False, "quiet": False, "verbose": False, "yes": False, **chosen}
    return CommonOptions(name="default", root=Path("/"), settings=Settings(), layers=Layers(None), **usual)


def test_the_answer_is_one_line_and_what_is_simulated_was_said_before(capsys: pytest.CaptureFixture[str]) -> None:
    assert finish_change(form(), OUTCOME) == 0
    assert capsys.readouterr() == (SERVING, "")


def test_quiet_prints_nothing_and_the_document_where_one_is_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    finish_change(form(quiet=True), OUTCOME)
    assert capsys.readouterr() == ("", "")
    finish_change(form(quiet=True, as_json=True), OUTCOME)
    assert json.loads(capsys.readouterr().out)["simulated"] == "a board"
    finish_change(form(quiet=True, as_events=True), OUTCOME)
    assert json.loads(capsys.readouterr().out)["message"] == f"simulated: a board\n{SERVING}".rstrip()
