"""Carry out a plan, of `up` or of `rollback`: stage, then cut over, with everything written down."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from jetson_deploy.deploy.door.follow import follow
from jetson_deploy.deploy.run.actions import DeploymentActions
from jetson_deploy.deploy.run.cutover import cut_over
from jetson_deploy.deploy.run.execute import execute
from jetson_deploy.deploy.run.step_hooks import StepHooks
from jetson_deploy.deployment.finding import raise_first
from jetson_deploy.deployment.instance import Instance
from jetson_deploy.deployment.plan import CreateContainer, PinModel, Plan, RemoveContainer, StageImage, StageModel
from jetson_deploy.deployment.proof import Proof
from jetson_deploy.deployment.record import Record
from jetson_deploy.deployment.revisions import Actor, HostMark, Revision
from jetson_deploy.errors import PreflightError
from jetson_deploy.events import Reporter
from jetson_deploy.facts import HostFacts
from jetson_deploy.plan.make import failed_before
from jetson_deploy.plan.pins import pinned_by_staging
from jetson_deploy.runtime.port import Runtime
from jetson_deploy.server.port import Servers
from jetson_deploy.settings import Settings
from jetson_deploy.state.actor import actor
from jetson_deploy.state.directory import StateDirectory
from jetson_deploy.state.journal import Journal

if TYPE_CHECKING:
    from jetson_deploy.runtime.port import PulledImage

BESIDE = (RemoveContainer, StageImage, StageModel, PinModel)
"""Steps that leave what serves alone."""


class Change(msgspec.Struct, frozen=True, kw_only=True):
    command: str
    """`up` or `rollback`: whose crash points these are."""
    by: str = ""
    """Command of the record, where another one called it (`watch`); else `command`."""
    done: str = ""
    """What the history says of it; empty: the model serves."""
    plan: Plan
    facts: HostFacts
    serving: Instance | None
    settings: Settings
    runtime: Runtime
    servers: Servers
    report: Reporter
    force: bool = False
    """Also what failed before."""
    last_look: Callable[[], None] | None = None
    """Asked once all is staged, which may take an hour: what it raises ends the run, with nothing cut over."""


def change(wanted: Change) -> tuple[Plan, Proof]:
    """The plan with all digests known, and the proof. Raises JetsonDeployError; the host is then as it was."""
    plan, settings, report = wanted.plan, wanted.settings, wanted.report
    state = StateDirectory(settings.state_dir, plan.deployment)
    state.prepare()
    hooks = StepHooks(run=wanted.command, crash_at=settings.crash_at, report=report)
    runtime = wanted.runtime
    runtime.check()
    from jetson_deploy.deploy.run.stage import stage  # its threads: an `up` that changes nothing starts without them

    staged = stage(plan.steps, runtime, hooks, settings, state)
    image = _staged_image(runtime, plan)
    plan = pinned_by_staging(wanted.servers, plan, image.digest, staged.model.manifest_digest if staged.model else None)
    if not wanted.force:  # what was named by a tag alone is known to have failed only by its digests
        raise_first(failed_before(plan, state.load()))
    if wanted.last_look is not None:
        wanted.last_look()
    by = actor(wanted.by or wanted.command)
    journal = Journal(
        state,
        by,
        report,
        draft=_draft(plan, image, by, wanted.facts),
        replaces=wanted.serving.container if wanted.serving else None,
        done=wanted.done,
    )
    actions = DeploymentActions(
        runtime=runtime,
        servers=wanted.servers,
        deployment=plan.deployment,
        state=state,
        journal=journal,
        settings=settings,
        report=report,
        gates=plan.gates,
        predicted=plan.model.predicted_tokens_per_second,
    )
    beside = sum(1 for step in plan.steps if isinstance(step, BESIDE))
    for number, step in enumerate(plan.steps[:beside], 1):
        if not isinstance(step, StageImage | StageModel):
            execute([step], actions, hooks, first=number)
    proof = cut_over(plan, plan.steps[beside:], beside + 1, actions, journal, hooks)
    follow(settings, Record.read(plan.spec.labels), report)
    return plan, proof


def _staged_image(runtime: Runtime, plan: Plan) -> PulledImage:
    """The image. One for another architecture starts and dies with `exec format error`: refused before."""
    found = runtime.find_image(plan.spec.image)
    if found is None:
        raise PreflightError(
            f"image {plan.spec.image} is gone from the engine right after it was staged",
            hint="does something prune images here? run up again",
            code="image-vanished",
        )
    if plan.image.architecture not in (found.architecture, ""):
        raise PreflightError(
            f"image {plan.spec.image} is for {found.architecture}, this host needs {plan.image.architecture}",
            hint="the tag holds a wrong image; name another with --image-policy REF",
            code="wrong-architecture",
        )
    return found


def _draft(plan: Plan, image: PulledImage, by: Actor, facts: HostFacts) -> Revision | None:
    """The revision as it will be recorded; None when the plan brings none."""
    if not any(isinstance(step, CreateContainer) for step in plan.steps):
        return None
    record = Record.read(plan.spec.labels)
    return Revision(
        number=record.revision,
        container=plan.container,
        outcome="proven",
        image=plan.image.reference,
        image_id=image.id,
        image_digest=image.digest,
        model=plan.model.name,
        model_digest=plan.model.manifest_digest,
        store=plan.store,
        spec=plan.spec,
        spec_hash=record.spec_hash,
        gates=plan.gates,
        context_tokens=plan.model.context_tokens,
        accept_cpu=plan.accept_cpu,
        simulated=record.simulated,
        at="",
        by=by,
        host=HostMark(
            l4t=facts.l4t,
            power_mode=facts.power.mode,
            engine_version=facts.engine.version if facts.engine else None,
        ),
    )
