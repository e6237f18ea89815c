"""`up`: plan, stage, cut over, prove, remember. A converged host is asked, not changed."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from jetson_deploy.catalog.catalog import Catalog
from jetson_deploy.deploy import hands as binding
from jetson_deploy.deploy.cutover import cut_over, remove_leftovers
from jetson_deploy.deploy.lock import deployment_lock
from jetson_deploy.deploy.stage import stage
from jetson_deploy.deploy.state import Record, StateDirectory
from jetson_deploy.deploy.survey import check_acts_here, survey
from jetson_deploy.deploy.verify import QUICK_TOKENS, Proof, Prover
from jetson_deploy.errors import PreflightError, ResourceError
from jetson_deploy.events import Note, Reporter, Verdict
from jetson_deploy.plan.make import make_plan
from jetson_deploy.plan.pins import pinned_by_staging
from jetson_deploy.plan.plan import Plan
from jetson_deploy.plan.request import Request
from jetson_deploy.plan.serving import LABEL, Serving, find_serving
from jetson_deploy.settings import Settings

if TYPE_CHECKING:
    import docker

    from jetson_deploy.engine.images import PulledImage


class Outcome(msgspec.Struct, frozen=True, kw_only=True, tag_field="schema", tag="jetson-deploy.up/1"):
    result: str
    """`done` or `no-changes`."""
    deployment: str
    endpoint: str
    container: str
    image: str
    model: str
    context_tokens: int
    tokens_per_second: float | None
    """Measured in the proof."""
    gpu_share: float | None
    accept_cpu: bool
    simulated: str | None
    verdicts: tuple[Verdict, ...]
    warnings: tuple[str, ...]
    assumptions: tuple[str, ...]


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """Everything one run of `up` is made of."""

    request: Request
    settings: Settings
    root: Path
    store: Path | None
    catalog: Catalog
    report: Reporter


def bring_up(run: Run) -> Outcome:
    """Make the host as requested. Raises JetsonDeployError; the host is then as it was before."""
    check_acts_here(run.root, run.settings, "up")
    with deployment_lock(run.settings.lock_dir, run.request.name):
        plan, serving = _planned(run, run.request)
        if plan.steps:
            return _carry_out(run, plan, serving)
        client = binding.engine(run.settings)
        proof = _asked(client, plan, run.report)
        if proof.failed is None:
            return _outcome("no-changes", run, plan, proof)
        run.report(Note(level="warning", text=f"deployed, but {proof.failed.observed}: replacing it"))
        plan, serving = _planned(run, msgspec.structs.replace(run.request, force=True))
        return _carry_out(run, plan, serving)


def _planned(run: Run, request: Request) -> tuple[Plan, Serving | None]:
    facts = survey(run.root, run.settings, run.catalog, store=run.store, deployment=request.name)
    return make_plan(facts, request, run.catalog), find_serving(facts.engine, request.name)


def _carry_out(run: Run, plan: Plan, serving: Serving | None) -> Outcome:
    state = StateDirectory(run.settings.state_dir, plan.deployment)
    state.prepare()
    for text in (*plan.warnings, *(f"assumed: {a}" for a in plan.assumptions)):
        run.report(Note(level="warning", text=text))
    client = binding.engine(run.settings)
    staged = stage(list(plan.steps), client, run.report, run.settings, state)
    image = _staged_image(client, plan)
    plan = pinned_by_staging(plan, image.digest, staged.model.manifest_digest if staged.model else None)
    hands = binding.bind(client, plan, serving, state, run.settings.catalog_dirs, run.report)
    remove_leftovers(plan, hands, run.report)
    proof = cut_over(plan, hands, run.report)
    if not proof.verdicts:  # only the store was repaired: the server went on serving
        proof = _asked(client, plan, run.report)
    _remember(state, _record(plan, image, proof), run.report)
    return _outcome("done", run, plan, proof)


def _remember(state: StateDirectory, record: Record, report: Reporter) -> None:
    """A full disk loses the record of the proof, not the deployment that was proven."""
    try:
        state.write(record)
    except ResourceError as error:
        report(Note(level="warning", text=f"it serves, but the record of its proof is lost: {error.message}"))


def _asked(client: docker.APIClient, plan: Plan, report: Reporter) -> Proof:
    """What serves answers the plan's questions, shortly."""
    return Prover(binding.plan_target(client, plan, plan.container), QUICK_TOKENS).prove(report)


def _staged_image(client: docker.APIClient, plan: Plan) -> PulledImage:
    """The image. One for another architecture starts and dies with `exec format error`: refused before."""
    from jetson_deploy.engine.images import find_image

    found = find_image(client, plan.spec.image)
    if found is None:
        raise PreflightError(
            f"image {plan.spec.image} is gone from the engine right after it was staged",
            hint="does something prune images here? run up again",
            code="image-vanished",
        )
    if found.architecture != plan.image.architecture:
        raise PreflightError(
            f"image {plan.spec.image} is for {found.architecture}, this host needs {plan.image.architecture}",
            hint="the tag holds a wrong image; name another with --image-policy REF",
            code="wrong-architecture",
        )
    return found


def _record(plan: Plan, image: PulledImage, proof: Proof) -> Record:
    return Record(
        container=plan.container,
        revision=int(plan.spec.labels[LABEL + "revision"]),
        image=plan.image.reference,
        image_id=image.id,
        image_digest=image.digest,
        model=plan.model.name,
        model_digest=plan.model.manifest_digest,
        spec_hash=plan.spec.labels[LABEL + "spec-hash"],
        store=plan.store,
        accept_cpu=plan.accept_cpu,
        simulated=plan.spec.labels[LABEL + "simulated"] or None,
        proven_at=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        tokens_per_second=proof.tokens_per_second,
        gpu_share=proof.gpu_share,
        verdicts=proof.verdicts,
    )


def _outcome(result: str, run: Run, plan: Plan, proof: Proof) -> Outcome:
    return Outcome(
        result=result,
        deployment=plan.deployment,
        endpoint=plan.endpoint,
        container=plan.container,
        image=plan.image.reference,
        model=plan.model.name,
        context_tokens=plan.model.context_tokens,
        tokens_per_second=proof.tokens_per_second,
        gpu_share=proof.gpu_share,
        accept_cpu=plan.accept_cpu,
        simulated=run.settings.rehearsal,
        verdicts=proof.verdicts,
        warnings=plan.warnings,
        assumptions=plan.assumptions,
    )
