"""Carry out a list of steps: each kind has one deed, each deed lies between two borders."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from jetson_deploy.deploy.run.step_hooks import Border
from jetson_deploy.deployment.finding import failed_check
from jetson_deploy.deployment.plan import (
    AnyStep,
    Collect,
    CreateContainer,
    Gates,
    PinModel,
    Prove,
    Remember,
    RemoveContainer,
    RenameContainer,
    SetRestart,
    Settle,
    StageImage,
    StageModel,
    StartContainer,
    StopContainer,
)
from jetson_deploy.deployment.proof import Proof
from jetson_deploy.errors import InternalError
from jetson_deploy.events import Verdict
from jetson_deploy.facts import ContainerFacts
from jetson_deploy.interrupts import noticed
from jetson_deploy.spec import ContainerSpec

if TYPE_CHECKING:
    from jetson_deploy.server.port import Cause

NOTHING_ASKED = Proof(verdicts=(), tokens_per_second=None, gpu_share=None)


class Hands(msgspec.Struct, frozen=True, kw_only=True):
    """What may be done to the host: the verbs of engine, store and state, bound. Tests pass recording ones."""

    create: Callable[[str, ContainerSpec], str]
    start: Callable[[str], None]
    stop: Callable[[str], None]
    remove: Callable[[str], None]
    """One that is gone, or is not the deployment's, is left alone."""
    rename: Callable[[str, str], None]
    set_restart: Callable[[str, str], None]
    prove: Callable[[str, Gates], Proof]
    settle: Callable[[str, float], Verdict]
    pin: Callable[[PinModel], None]
    remember: Callable[[Remember, Proof], None]
    collect: Callable[[tuple[str, ...]], None]
    look: Callable[[], list[ContainerFacts]]
    """The deployment's containers as they are now, with their restart policies."""
    explain: Callable[[str], tuple[Cause | None, str]]
    """Container → likely cause from its state and log, and the log itself."""
    keep_evidence: Callable[[str, str], Path]
    """What it is of (`server`, `old`), and the container."""


class Progress:
    """How far a list of steps came."""

    def __init__(self) -> None:
        self.proof = NOTHING_ASKED
        self.committed = False
        """The new one is what the engine would start."""
        self.stopped: str | None = None
        """The container that made room."""
        self.judged = False
        """It was the proof that failed, not a deed."""


def carry_out(
    steps: Sequence[AnyStep], hands: Hands, border: Border, progress: Progress | None = None, *, first: int = 1
) -> Progress:
    """One after the other; the first that fails ends it with its error. Staging steps are `stage`'s.

    `first`: number of the first step in the whole list.
    """
    progress = progress or Progress()
    for number, step in enumerate(steps, first):
        if isinstance(step, StageImage | StageModel):
            raise InternalError("a staging step came after the cutover began", hint="report it", code="bug")
        verb, text = told(step)
        with border.around(number, verb, text), _to_its_end(step):
            _do(step, hands, progress)
    return progress


@contextlib.contextmanager
def _to_its_end(step: AnyStep) -> Iterator[None]:
    """An interruption waits for the deed: the engine would go on with it after we looked what is to be undone.

    Only the steps that wait for the server are cut short.
    """
    if isinstance(step, Prove | Settle):
        yield
        return
    with noticed() as came:
        yield
    if came():
        raise KeyboardInterrupt


def told(step: AnyStep) -> tuple[str, str]:
    """The step's verb, and a line for people."""
    fields = msgspec.to_builtins(step)
    verb = str(fields["do"])
    what = fields.get("container") or fields.get("reference") or fields.get("name") or fields.get("what") or ""
    if isinstance(step, Remember):
        return verb, _REMEMBERED[step.what]
    if isinstance(step, Collect):
        return verb, "prune unused images and models"
    extra = {
        SetRestart: lambda: f" {fields['policy']}",
        RenameContainer: lambda: f" to {fields['name']}",
        Settle: lambda: f": observe for {fields['seconds']:g} s",
    }.get(type(step), lambda: "")()
    why = f": {fields['why']}" if fields.get("why") else ""
    return verb, f"{what}{extra}{why}"


_REMEMBERED = {
    "intent": "record intent",
    "proof": "record the proof",
    "revision": "record the revision",
    "undone": "record that it was undone",
}


def _do(step: AnyStep, hands: Hands, progress: Progress) -> None:
    if isinstance(step, RemoveContainer):
        hands.remove(step.container)
    elif isinstance(step, PinModel):
        hands.pin(step)
    elif isinstance(step, Remember):
        hands.remember(step, progress.proof)
    elif isinstance(step, CreateContainer):
        # Not `always` before it is proven: a power cut must boot the old one.
        hands.create(step.container, msgspec.structs.replace(step.spec, restart="no"))
    elif isinstance(step, StopContainer):
        progress.stopped = step.container
        hands.stop(step.container)
    elif isinstance(step, StartContainer):
        hands.start(step.container)
    elif isinstance(step, Prove):
        progress.proof = hands.prove(step.container, step.gates)
        _demand(progress.proof.failed, progress)
    elif isinstance(step, Settle):
        verdict = hands.settle(step.container, step.seconds)
        verdicts = (*progress.proof.verdicts, verdict)
        progress.proof = msgspec.structs.replace(progress.proof, verdicts=verdicts)
        _demand(verdict if verdict.passed is False else None, progress)
    elif isinstance(step, SetRestart):
        hands.set_restart(step.container, step.policy)
        progress.committed = progress.committed or step.policy == "always"
    elif isinstance(step, RenameContainer):
        hands.rename(step.container, step.name)
    elif isinstance(step, Collect):
        hands.collect(step.keep)


def _demand(verdict: Verdict | None, progress: Progress) -> None:
    if verdict is None:
        return
    progress.judged = True
    raise failed_check(verdict).error()
