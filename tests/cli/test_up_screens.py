"""What a person sees of `up`, as data: the narration on stderr, then the answer."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest
from drawn_screens import as_drawn, drawn

from jetson_deploy.cli.options import CommonOptions
from jetson_deploy.cli.reporters import chosen_reporter
from jetson_deploy.cli.up import finish_change
from jetson_deploy.deploy.outcome import Outcome
from jetson_deploy.deployment.layers import Layers
from jetson_deploy.events import Event, Note, Progress, StepFinished, StepStarted, Verdict
from jetson_deploy.settings import Settings

GENERATE = Verdict(check="generate", passed=True, observed="26 tokens at 15.9 tok/s", expected="real tokens")
GPU = Verdict(check="gpu", passed=True, observed="100% on the GPU, 31/31 layers offloaded", expected="at least 95%")
STABLE = Verdict(check="stable", passed=True, observed="60 s without a restart", expected="")
ON_CPU = Verdict(
    check="gpu", passed=False, observed="0% on the GPU", expected="at least 95%", hint="jetson-deploy logs shows why"
)
DONE = Outcome(
    result="done",
    deployment="default",
    endpoint="http://127.0.0.1:11434",
    container="jd-default-2",
    image="dustynv/ollama:0.6.8-r36.4",
    model="deepseek-r1:8b",
    context_tokens=4096,
    tokens_per_second=15.9,
    gpu_share=1.0,
    accept_cpu=False,
    simulated=None,
    verdicts=(GENERATE, GPU, STABLE),
    warnings=(),
    assumptions=(),
)
UNCHANGED = msgspec.structs.replace(DONE, result="no-changes", tokens_per_second=None)


def step(name: str, text: str, *inside: Event) -> list[Event]:
    return [StepStarted(step=name, text=text), *inside, StepFinished(step=name, text=text, seconds=1.25)]


FETCH = [
    *step("stage-model", "staging model", Progress(item="m", done_bytes=1, total_bytes=2)),
    *step("stage-image", "staging image"),
]
DEPLOY = [*step("create-container", "creating jd-default-2"), *step("start-container", "starting jd-default-2")]
FIRST = [*FETCH, *DEPLOY, *step("prove", "proving jd-default-2", GENERATE, GPU), *step("settle", "watching", STABLE)]
FAILING: list[Event] = [
    *DEPLOY,
    StepStarted(step="prove", text="proving jd-default-2"),
    *(GENERATE, ON_CPU),
    *step("remove-container", "removing jd-default-2"),
    Note(level="info", text="jd-default-1 serves again"),
]
SHOWN: dict[str, tuple[list[Event], Outcome | None, dict[str, bool]]] = {
    "up-first": (FIRST, DONE, {}),
    "up-first-verbose": (FIRST, DONE, {"verbose": True}),
    "up-first-quiet": (FIRST, DONE, {"quiet": True}),
    "up-no-changes": ([GENERATE, GPU], UNCHANGED, {}),
    "up-failing": (FAILING, None, {}),
    "up-simulated": (FIRST, msgspec.structs.replace(DONE, accept_cpu=True, gpu_share=0.0, simulated="a board"), {}),
}


def options(simulated: str | None, **changes: bool) -> CommonOptions:
    plain = dict.fromkeys(("as_json", "as_events", "quiet", "verbose", "yes"), False)
    settings = Settings(rehearsal=simulated)
    return CommonOptions(name="default", root=Path("/"), settings=settings, layers=Layers(None), **plain | changes)


@pytest.mark.parametrize("name", SHOWN)
def test_the_screen_is_as_it_was_when_it_was_looked_at(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    events, outcome, changes = SHOWN[name]
    common = options(outcome.simulated if outcome else None, **changes)
    with chosen_reporter(common, in_phases=True) as report:
        for event in events:
            report(event)
    if outcome is not None:
        finish_change(common, outcome)
    shown = capsys.readouterr()
    assert as_drawn(f"up/{name}", steady(shown.err) + shown.out)


def steady(text: str) -> str:
    """Without the time of day and what this run measured."""
    return re.sub(r"\bok in [\d.]+ s", "ok in N s", re.sub(r"(?m)^\d\d:\d\d:\d\d", "HH:MM:SS", text))


def test_no_screen_is_left_that_went() -> None:
    assert drawn("up") == set(SHOWN)
