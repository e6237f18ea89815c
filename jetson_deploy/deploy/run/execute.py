"""Execute a list of steps: each kind has one action, and the hooks stand before and after each."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

import msgspec

from jetson_deploy.deploy.run.speculation import Measured, try_speculation
from jetson_deploy.deploy.run.step_hooks import StepHooks
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
    TrySpeculation,
)
from jetson_deploy.deployment.proof import Proof
from jetson_deploy.errors import InternalError
from jetson_deploy.events import Verdict
from jetson_deploy.facts import ContainerFacts
from jetson_deploy.interrupts import to_its_end
from jetson_deploy.spec import ContainerSpec

if TYPE_CHECKING:
    from jetson_deploy.server.cause import Cause

Item = TypeVar("Item")

_WAITS = (Prove, TrySpeculation, Settle)
"""Steps that wait for a server."""
NOTHING_ASKED = Proof(verdicts=(), tokens_per_second=None, gpu_share=None)


class Actions(Protocol):
    """What may be done to the host for one deployment. `container` is its name throughout."""

    def create(self, container: str, spec: ContainerSpec) -> str: ...

    def start(self, container: str) -> None: ...

    def stop(self, container: str) -> None: ...

    def remove(self, container: str) -> None:
        """One that is gone, or is not the deployment's, is left alone."""

    def rename(self, container: str, new_name: str) -> None: ...

    def set_restart(self, container: str, policy: str) -> None: ...

    def prove(self, container: str, gates: Gates, *, quietly: bool = False) -> Proof:
        """`quietly`: its verdicts are not reported."""

    def measure(self, container: str) -> Measured: ...

    def settle_on(self, spec: ContainerSpec) -> None:
        """The revision that is being brought has this one now."""

    def tell(self, verdict: Verdict) -> None: ...

    def settle(self, container: str, seconds: float) -> Verdict: ...

    def pin(self, step: PinModel) -> None: ...

    def remember(self, step: Remember, proof: Proof) -> None: ...

    def collect(self, keep: tuple[str, ...]) -> None: ...

    def look(self) -> list[ContainerFacts]:
        """The deployment's containers as they are now, with their restart policies."""

    def explain(self, container: str, issue: str) -> tuple[Cause | None, str]:
        """The likely cause, and the log. `issue`: the known one that a check showed; empty: by its state and log."""

    def keep_evidence(self, what: str, container: str) -> Path:
        """`what`: `server`, `old`."""


class Progress:
    """How far a list of steps came."""

    def __init__(self) -> None:
        self.proof = NOTHING_ASKED
        self.committed = False
        """The new one is what the engine would start."""
        self.stopped: str | None = None
        """The container that made room."""
        self.stopped_at = 0.0
        self.judged = False
        """It was the proof that failed, not an action."""


def execute(
    steps: Sequence[AnyStep], actions: Actions, hooks: StepHooks, progress: Progress | None = None, *, first: int = 1
) -> Progress:
    """One after the other; the first that fails ends it with its error. Staging steps are `stage`'s.

    `first`: number of the first step in the whole list.
    """
    so_far = progress or Progress()
    if any(isinstance(step, StageImage | StageModel) for step in steps):
        raise InternalError("a staging step came after the cutover began", hint="report it", code="bug")
    in_order(steps, describe, lambda step: _do(step, actions, so_far), hooks, first=first, cut_short=_WAITS)
    return so_far


def in_order(
    steps: Sequence[Item],
    described: Callable[[Item], tuple[str, str]],
    do: Callable[[Item], None],
    hooks: StepHooks,
    *,
    first: int = 1,
    cut_short: tuple[type, ...] = (),
) -> None:
    """Do one after the other, each between its hooks; the first that fails ends it with its error.

    `cut_short`: kinds that an interruption ends at once, since they wait for a server.
    """
    for number, step in enumerate(steps, first):
        kind, text = described(step)
        whole = contextlib.nullcontext() if isinstance(step, cut_short) else to_its_end()
        with hooks.around(number, kind, text), whole:
            do(step)


def describe(step: AnyStep) -> tuple[str, str]:
    """The step's kind, and a line for people."""
    fields = msgspec.to_builtins(step)
    kind = str(fields["do"])
    what = fields.get("container") or fields.get("reference") or fields.get("name") or fields.get("what") or ""
    if isinstance(step, Remember):
        return kind, _REMEMBERED[step.what]
    if isinstance(step, Collect):
        return kind, "prune unused images and models"
    extra = {
        SetRestart: lambda: f" {fields['policy']}",
        RenameContainer: lambda: f" to {fields['name']}",
        Settle: lambda: f": observe for {fields['seconds']:g} s",
    }.get(type(step), lambda: "")()
    why = f": {fields['why']}" if fields.get("why") else ""
    return kind, f"{what}{extra}{why}"


_REMEMBERED = {
    "intent": "record intent",
    "proof": "record the proof",
    "revision": "record the revision",
    "undone": "record that it was undone",
}


def _do(step: AnyStep, actions: Actions, progress: Progress) -> None:
    if isinstance(step, RemoveContainer):
        actions.remove(step.container)
    elif isinstance(step, PinModel):
        actions.pin(step)
    elif isinstance(step, Remember):
        actions.remember(step, progress.proof)
    elif isinstance(step, CreateContainer):
        # Not `always` before it is proven: a power cut must boot the old one.
        actions.create(step.container, msgspec.structs.replace(step.spec, restart="no"))
    elif isinstance(step, StopContainer):
        progress.stopped, progress.stopped_at = step.container, time.monotonic()
        actions.stop(step.container)
    elif isinstance(step, StartContainer):
        actions.start(step.container)
    elif isinstance(step, Prove):
        progress.proof = _with_downtime(actions.prove(step.container, step.gates), progress)
        _demand(progress.proof.failed, progress)
    elif isinstance(step, TrySpeculation):
        progress.proof = try_speculation(step, actions, progress.proof)
        _demand(progress.proof.failed, progress)
    elif isinstance(step, Settle):
        verdict = actions.settle(step.container, step.seconds)
        verdicts = (*progress.proof.verdicts, verdict)
        progress.proof = msgspec.structs.replace(progress.proof, verdicts=verdicts)
        _demand(verdict if verdict.passed is False else None, progress)
    elif isinstance(step, SetRestart):
        actions.set_restart(step.container, step.policy)
        progress.committed = progress.committed or step.policy == "always"
    elif isinstance(step, RenameContainer):
        actions.rename(step.container, step.name)
    elif isinstance(step, Collect):
        actions.collect(step.keep)


def _with_downtime(proof: Proof, progress: Progress) -> Proof:
    if progress.stopped is None or proof.answered_at is None:
        return proof
    return msgspec.structs.replace(proof, downtime_seconds=round(proof.answered_at - progress.stopped_at, 2))


def _demand(verdict: Verdict | None, progress: Progress) -> None:
    if verdict is None:
        return
    progress.judged = True
    raise failed_check(verdict).error()
