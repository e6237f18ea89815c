"""A plan from a revision on record: its spec as it was, under a new number."""

from __future__ import annotations

import msgspec

from jetson_deploy.catalog.entries import Constant
from jetson_deploy.deployment.finding import raise_first
from jetson_deploy.deployment.instance import container_name, find_serving, next_revision
from jetson_deploy.deployment.plan import Gates, ImageChoice, ModelChoice, Plan
from jetson_deploy.deployment.record import Record, renumbered
from jetson_deploy.deployment.request import Request, runtime_of_image
from jetson_deploy.deployment.revisions import Revision, State
from jetson_deploy.deployment.settle import settle
from jetson_deploy.endpoint import local_endpoint
from jetson_deploy.errors import UnhealthyError, UsageError
from jetson_deploy.facts import HostFacts
from jetson_deploy.plan import preflight
from jetson_deploy.plan.steps import cutover_steps, leftover_steps, staging_steps
from jetson_deploy.spec import ContainerSpec


def choose_revision(state: State | None, number: int | None, deployment: str, *, force: bool) -> Revision:
    """Revision `number`, or the one before the current; after a `down` the one that was taken down.

    Raises UsageError, UnhealthyError.
    """
    if state is None or not state.revisions:
        raise UnhealthyError(
            f"no revision of deployment {deployment!r} is on record",
            hint="jetson-deploy up makes the first; another deployment is named with --name",
            code="nothing-deployed",
        )
    wanted = _before(state) if number is None else number
    found = state.revision(wanted)
    if found is None:
        known = ", ".join(str(r.number) for r in state.revisions if r.outcome == "proven")
        what = (
            "there is no revision before the current one" if number is None else f"revision {number} is not on record"
        )
        raise UsageError(what, hint=f"proven ones on record: {known or 'none'}", code="no-such-revision")
    if found.outcome == "failed" and not force:
        raise UnhealthyError(
            f"revision {found.number} failed: {found.reason}",
            hint="choose one that was proven (jetson-deploy history), or try it again with --force",
            code="failed-before",
        )
    if found.spec is None:
        raise _spec_lost(found)
    return found


def _before(state: State) -> int | None:
    """Number of the revision that a `rollback` without one brings back; None: there is none."""
    if state.current is not None or state.previous is not None:
        return state.previous
    return next((line.revision for line in reversed(state.lines) if line.command == "down" and line.revision), None)


def _spec_lost(revision: Revision) -> UnhealthyError:
    return UnhealthyError(
        f"revision {revision.number} is on record without its spec: its state file was lost",
        hint="ask for the same with jetson-deploy up and the options it had",
        code="spec-lost",
    )


def plan_rollback(
    facts: HostFacts, request: Request, state: State | None, revision: Revision, limits: dict[str, Constant]
) -> Plan:
    """The plan that deploys `revision` again. Raises the first refusal; nothing has been changed by then."""
    serving = find_serving(facts.engine, request.name)
    number = next_revision(facts.engine, request.name, state.last_number if state else 0)
    if revision.spec is None:
        raise _spec_lost(revision)
    spec = renumbered(revision.spec, number)
    port = Record.read(spec.labels).port
    wanted = settle(_as_it_was(request, revision, port), serving)
    image, model = _image(revision), _model(revision, spec)
    raise_first(preflight.jetson_findings(facts))
    raise_first(preflight.host_findings(facts, wanted, container_name(request.name, number), serving))
    raise_first(preflight.choice_findings(facts, image, model, limits))
    gates = _gates(revision, request, limits)
    steps = [*leftover_steps(facts, request.name, serving), *staging_steps(facts, model, image, request.registry)]
    # The same command again, after a run that died behind its commit point, must not bring the same once more.
    same = (
        serving is not None and serving.running and serving.record.spec_hash == revision.spec_hash and not request.force
    )
    if not same:
        steps += cutover_steps(request.name, serving, spec, gates, number)
    return Plan(
        deployment=request.name,
        board=facts.board.id,
        l4t=facts.l4t,
        image=image,
        model=model,
        store=revision.store,
        endpoint=local_endpoint(port).url,
        accept_cpu=revision.accept_cpu,
        container=serving.container if serving and same else container_name(request.name, number),
        spec=spec,
        gates=gates,
        warnings=(),
        assumptions=(),
        steps=tuple(steps),
    )


def _as_it_was(request: Request, revision: Revision, port: int) -> Request:
    runtime = runtime_of_image(revision.image)
    return msgspec.structs.replace(request, accept_cpu=revision.accept_cpu, port=port, runtime=runtime)


def _gates(revision: Revision, request: Request, limits: dict[str, Constant]) -> Gates:
    known = revision.gates or Gates(
        min_gpu_share=limits["gpu_share_gate"].value,
        accept_cpu=revision.accept_cpu,
        floor_tokens_per_second=None,
        expect_version=None,
        expect_manifest_digest=revision.model_digest,
    )
    return msgspec.structs.replace(known, stability_seconds=request.stability_seconds)


def _image(revision: Revision) -> ImageChoice:
    return ImageChoice(
        reference=revision.image,
        digest=revision.image_digest,
        reason=f"that of revision {revision.number}",
        ollama_version=None,
        ollama_reported=None,
        generation=None,
        size_bytes=None,
        disk_bytes=None,
        advisories=(),
        architecture="",  # not asked again: it ran here
        jetson_jetpack=False,
        rejected=(),
    )


def _model(revision: Revision, spec: ContainerSpec) -> ModelChoice:
    record = Record.read(spec.labels)
    return ModelChoice(
        name=revision.model,
        reason=f"that of revision {revision.number}",
        manifest_digest=revision.model_digest,
        download_bytes=0,
        context_tokens=revision.context_tokens,
        context_limit_tokens=revision.context_tokens,
        parallel=record.parallel,
        kv_cache_type=record.kv_cache_type,
        need_bytes=record.need_bytes,
        available_bytes=record.free_bytes_before,
        terms={},
        predicted_tokens_per_second=None,
        rejected=(),
    )
