"""The short part in which the old server stops and the new one must prove itself; undone on any failure."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from jetson_deploy.deploy.run.evidence import explained
from jetson_deploy.deploy.run.execute import Actions, Progress, execute
from jetson_deploy.deploy.run.step_hooks import StepHooks
from jetson_deploy.deployment.plan import AnyStep, CreateContainer, Plan, Remember, SetRestart, StartContainer
from jetson_deploy.deployment.proof import Proof
from jetson_deploy.deployment.recovery import Recovery, recovery
from jetson_deploy.errors import (
    InternalError,
    InterruptedRunError,
    JetsonDeployError,
    NeedsAttentionError,
    RolledBackError,
)
from jetson_deploy.events import Note
from jetson_deploy.interrupts import shielded
from jetson_deploy.state.journal import Journal

LATER = "when the engine answers again: jetson-deploy recover"


def cut_over(
    plan: Plan, steps: Sequence[AnyStep], first: int, actions: Actions, journal: Journal, hooks: StepHooks
) -> Proof:
    """Create, stop the old, start, prove, commit. Raises what went wrong, after the host is as it was.

    `steps`: those after staging, the first of which has the number `first`. RolledBackError (7): the old one serves
    again, proven. NeedsAttentionError (8): it does not. Else the cause's own error, with nothing of ours left running.
    """
    progress = Progress()
    try:
        commit = _commit_point(steps)
        execute(steps[:commit], actions, hooks, progress, first=first)
        with shielded():  # from here on it is finished, whatever comes
            execute(steps[commit:], actions, hooks, progress, first=first + commit)
        return progress.proof
    except KeyboardInterrupt:
        cause: JetsonDeployError = InterruptedRunError(
            "interrupted during the cutover; it was undone", hint="run the same command again", code="interrupted"
        )
        with shielded():
            return _after(cause, plan, actions, journal, hooks, progress)
    except JetsonDeployError as error:
        with shielded():
            failed = progress.proof.failed if progress.judged else None
            cause = (
                error if progress.committed else explained(plan, actions, error, (failed.issue or "") if failed else "")
            )
            return _after(cause, plan, actions, journal, hooks, progress)
    except Exception as bug:  # ours; the host must not pay for it
        cause = InternalError(f"a bug of jetson-deploy: {bug}", hint="run up again", code="bug")
        try:
            with shielded():
                return _after(cause, plan, actions, journal, hooks, progress)
        except NeedsAttentionError:
            raise
        except JetsonDeployError:
            raise bug from None


def _commit_point(steps: Sequence[AnyStep]) -> int:
    """Index of the step from which on the new one is what serves."""
    return next((n for n, s in enumerate(steps) if isinstance(s, SetRestart) and s.policy == "always"), len(steps))


def _after(
    cause: JetsonDeployError, plan: Plan, actions: Actions, journal: Journal, hooks: StepHooks, progress: Progress
) -> Proof:
    """The host as it was; or the commit finished, when it had begun: then the proof is returned."""
    if not any(isinstance(step, CreateContainer) for step in plan.steps):
        raise _stopped_again(plan, actions, cause) if _starts(plan) else cause
    journal.failed_by(cause, progress.proof if progress.judged else None)
    try:
        found = recovery(
            actions.look(), journal.intent, plan.gates.min_gpu_share, stopping=progress.stopped is not None
        )
    except JetsonDeployError as error:
        raise journal.stuck(cause, f"undoing failed too: {error.message}", LATER, again=True) from error
    undoing = Progress()
    undoing.proof = progress.proof
    try:
        execute(found.steps, actions, msgspec.structs.replace(hooks, run="undo"), undoing)
    except JetsonDeployError as error:
        return _undo_failed(cause, error, found, actions, journal, hooks, undoing, progress)
    if found.kind == "finish" or (progress.committed and found.kind != "undo"):
        hooks.report(Note(level="warning", text=f"{cause.message}; the new revision is committed"))
        return progress.proof
    if found.kind != "undo":  # nothing had been done yet: the history tells all the same
        actions.remember(Remember(what="undone", container=found.serves or ""), progress.proof)
    raise _told(cause, found, progress.stopped is not None, hooks)


def _starts(plan: Plan) -> bool:
    return any(isinstance(step, StartContainer) for step in plan.steps)


def _undo_failed(
    cause: JetsonDeployError,
    error: JetsonDeployError,
    found: Recovery,
    actions: Actions,
    journal: Journal,
    hooks: StepHooks,
    undoing: Progress,
    progress: Progress,
) -> Proof:
    if found.kind == "finish":
        hooks.report(Note(level="warning", text=f"it serves, but {error.message}; jetson-deploy recover finishes it"))
        return progress.proof
    what = f"undoing failed too: {error.message}"
    if undoing.judged and found.serves is not None:
        what = f"{found.serves} was started again but {error.message}"
        cause = cause.with_context(details=(_old_evidence(actions, found.serves),))
    raise journal.stuck(cause, what, error.hint)


def _old_evidence(actions: Actions, container: str) -> str:
    try:
        return f"evidence of the old one kept in {actions.keep_evidence('old', container)}"
    except JetsonDeployError as lost:
        return f"evidence of the old one could not be kept: {lost.message}"


def _stopped_again(plan: Plan, actions: Actions, cause: JetsonDeployError) -> JetsonDeployError:
    """It did not run before either."""
    try:
        actions.stop(plan.container)
    except JetsonDeployError as error:
        what = f"{cause.message}; undoing failed too: {error.message}"
        return NeedsAttentionError(what, hint=error.hint, code="needs-attention", details=cause.details)
    return cause.with_context(message=f"{cause.message}; stopped again")


def _told(cause: JetsonDeployError, found: Recovery, was_stopped: bool, hooks: StepHooks) -> JetsonDeployError:
    if found.serves is None:
        return cause.with_context(message=f"{cause.message}; undone, nothing of ours runs")
    if not was_stopped:
        return cause.with_context(message=f"{cause.message}; undone, {found.serves} was not touched")
    hooks.report(Note(level="info", text=f"{found.serves} serves again"))
    if isinstance(cause, InterruptedRunError):
        return cause.with_context(message=f"{cause.message}; {found.serves} serves")
    text = f"{cause.message}; rolled back, {found.serves} serves"
    return RolledBackError(text, hint=cause.hint, code=cause.code, details=cause.details)
