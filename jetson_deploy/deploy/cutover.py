"""The short part in which the old server stops and the new one must prove itself; undone on any failure."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from jetson_deploy.deploy.shield import shielded
from jetson_deploy.deploy.stage import reported
from jetson_deploy.deploy.verify import Proof
from jetson_deploy.errors import (
    InternalError,
    InterruptedRunError,
    JetsonDeployError,
    NeedsAttentionError,
    ResourceError,
    RolledBackError,
    UnhealthyError,
)
from jetson_deploy.events import Note, Reporter, Verdict
from jetson_deploy.plan.plan import (
    Commit,
    CreateContainer,
    Plan,
    Prove,
    RemoveContainer,
    StartContainer,
    StopContainer,
)
from jetson_deploy.spec import ContainerSpec

if TYPE_CHECKING:
    from jetson_deploy.ollama.diagnose import Cause

SAID_BY_THE_CHECK = ("cpu-fallback",)
"""Causes that only repeat what the failed check has said, with a hint of its own."""


LOGS_VERB = "jetson-deploy logs"
"""Shows a container that is there; the one that failed is removed, its log is kept in a file."""


class Hands(msgspec.Struct, frozen=True, kw_only=True):
    """What the cutover may do to the host: the engine's verbs, bound to a client. Tests pass recording ones."""

    create: Callable[[str, ContainerSpec], str]
    start: Callable[[str], None]
    stop: Callable[[str, int], None]
    remove: Callable[[str], None]
    """Name or id; one that is gone, or is not the deployment's, is left alone."""
    rename: Callable[[str, str], None]
    set_restart: Callable[[str, str], None]
    prove: Callable[[str], Proof]
    """Container name → every verdict."""
    still_serves: Callable[[str], Proof]
    """The same questions for the old container after it was started again."""
    explain: Callable[[str], tuple[Cause | None, str]]
    """Container name → likely cause from its state and log, and the log itself."""
    keep_evidence: Callable[[str], Path]


def remove_leftovers(plan: Plan, hands: Hands, report: Reporter) -> None:
    for step in plan.steps:
        if isinstance(step, RemoveContainer):
            with reported(report, "remove-container", f"{step.container}: {step.why}"):
                hands.remove(step.container)


def cut_over(plan: Plan, hands: Hands, report: Reporter) -> Proof:
    """Create, stop the old, start, prove, commit. Raises what went wrong, after the host is as it was.

    RolledBackError (7): the old one serves again. NeedsAttentionError (8): it does not. Else the cause's
    own error, with nothing of ours left running.
    """
    done = Done(candidate=next((s.container for s in plan.steps if isinstance(s, CreateContainer)), None))
    try:
        return _forward(plan, hands, report, done)
    except KeyboardInterrupt:
        cause: JetsonDeployError = InterruptedRunError(
            "interrupted during the cutover; it was undone",
            hint="run the same command again",
            code="interrupted",
        )
        with shielded():
            raise _undone(plan, hands, report, done, cause) from None
    except JetsonDeployError as error:
        with shielded():
            raise _undone(plan, hands, report, done, _explained(plan, hands, done, error)) from error
    except Exception as bug:  # ours; the host must not pay for it
        cause = InternalError(f"a bug of jetson-deploy: {bug}", hint="run up again", code="bug")
        with shielded():
            undone = _undone(plan, hands, report, done, cause)
        if isinstance(undone, NeedsAttentionError):
            raise undone from bug
        raise


class Done(msgspec.Struct, kw_only=True):
    """What has happened so far, for undoing exactly that."""

    candidate: str | None
    """Name that a new container gets; None: the deployment's own is started again."""
    made: str | None = None
    """Id of the new container: its name may be somebody else's, or may have changed."""
    stopped: str | None = None
    """The container that made room."""


def _forward(plan: Plan, hands: Hands, report: Reporter, done: Done) -> Proof:
    proof = Proof(verdicts=(), tokens_per_second=None, gpu_share=None)
    for step in plan.steps:
        if isinstance(step, CreateContainer):
            with reported(report, "create-container", step.container):
                # Not `always` before it is proven: a power cut must boot the old one.
                done.made = hands.create(step.container, msgspec.structs.replace(step.spec, restart="no"))
        elif isinstance(step, StopContainer):
            done.stopped = step.container
            with reported(report, "stop-container", f"{step.container}: {step.why}"):
                hands.stop(step.container, plan.spec.stop_seconds)
        elif isinstance(step, StartContainer):
            with reported(report, "start-container", step.container):
                hands.start(step.container)
        elif isinstance(step, Prove):
            with reported(report, "prove", step.container):
                proof = hands.prove(step.container)
                _demand(proof)
        elif isinstance(step, Commit):
            with shielded(), reported(report, "commit", plan.container):  # two containers of ours is no end
                _commit(step, plan, hands, report)
    return proof


def _commit(step: Commit, plan: Plan, hands: Hands, report: Reporter) -> None:
    """With the new name it is done: what fails afterwards is told, and undoes nothing."""
    hands.set_restart(step.container, plan.spec.restart)
    hands.rename(step.container, plan.container)
    if step.replaces is None:
        return
    try:
        hands.remove(step.replaces)
    except JetsonDeployError as error:
        report(Note(level="warning", text=f"{error.message}; it is stopped, and the next up removes it"))


def _demand(proof: Proof) -> None:
    verdict = proof.failed
    if verdict is not None:
        raise UnhealthyError(
            f"check `{verdict.check}` failed: {verdict.observed} (expected: {verdict.expected})",
            hint=verdict.hint or "see the container's log",
            code=f"check-{verdict.check}-failed",
        )


def _explained(plan: Plan, hands: Hands, done: Done, error: JetsonDeployError) -> JetsonDeployError:
    """The same error, with the likely cause from the container's log in its message and hint."""
    if done.candidate is not None and done.made is None:
        return error  # there is no container that could say anything
    try:
        cause, log = hands.explain(done.made or plan.container)
    except Exception:  # a cause that cannot be found must not keep the cutover from being undone
        return error
    if log:
        _keep(log, hands, error)
    elif LOGS_VERB in error.hint:
        error.hint = f"it logged nothing; try it: docker run --rm --entrypoint ollama {plan.spec.image} --version"
    if cause is not None and cause.id not in SAID_BY_THE_CHECK:
        error.message += f"; likely cause: {cause.title}"
        error.hint = cause.hint
        error.details = (*error.details, f"log line: {cause.evidence}")
    return error


def _keep(log: str, hands: Hands, error: JetsonDeployError) -> None:
    try:
        kept = hands.keep_evidence(log)
    except ResourceError as lost:
        error.details = (*error.details, f"its log could not be kept: {lost.message}", *log.splitlines()[-5:])
        return
    error.details = (*error.details, f"log kept in {kept}")
    error.hint = error.hint.replace(LOGS_VERB, str(kept))


def _undone(plan: Plan, hands: Hands, report: Reporter, done: Done, cause: JetsonDeployError) -> JetsonDeployError:
    """The host as it was, and what to say of it. Not to be interrupted."""
    try:
        with reported(report, "undo", done.candidate or plan.container):
            if done.candidate is None:
                hands.stop(plan.container, 10)  # it did not run before either
            else:
                hands.remove(done.made or done.candidate)
            if done.stopped is not None:
                hands.start(done.stopped)
    except JetsonDeployError as error:
        return _stuck(cause, f"undoing failed too: {error.message}", error.hint)
    if done.stopped is not None:
        return _serves_again(hands, report, done.stopped, cause)
    cause.message += _what_is_left(plan, done)
    return cause


def _what_is_left(plan: Plan, done: Done) -> str:
    untouched = next((s.container for s in plan.steps if isinstance(s, StopContainer)), None)
    if untouched is not None:
        return f"; undone, {untouched} was not touched"
    return "; undone, nothing of ours runs" if done.candidate else "; stopped again"


def _serves_again(hands: Hands, report: Reporter, old: str, cause: JetsonDeployError) -> JetsonDeployError:
    proof = hands.still_serves(old)
    verdict: Verdict | None = proof.failed
    if verdict is not None:
        return _stuck(
            cause,
            f"{old} was started again but check `{verdict.check}` fails: {verdict.observed}",
            verdict.hint,
        )
    report(Note(level="info", text=f"{old} serves again"))
    if isinstance(cause, InterruptedRunError):
        cause.message += f"; {old} serves"
        return cause
    return RolledBackError(
        f"{cause.message}; rolled back, {old} serves", hint=cause.hint, code=cause.code, details=cause.details
    )


def _stuck(cause: JetsonDeployError, what: str, hint: str) -> JetsonDeployError:
    return NeedsAttentionError(f"{cause.message}; {what}", hint=hint, code="needs-attention", details=cause.details)
