"""Facts + request + catalog → plan. `plan --json` prints it, `up` carries it out."""

from __future__ import annotations

from jetson_deploy.catalog.catalog import Catalog
from jetson_deploy.deployment.instance import Instance, container_name, find_serving, next_revision
from jetson_deploy.deployment.plan import CreateContainer, ImageChoice, ModelChoice, Plan
from jetson_deploy.deployment.record import Record
from jetson_deploy.deployment.request import Request, Wanted
from jetson_deploy.deployment.revisions import State
from jetson_deploy.deployment.settle import settle
from jetson_deploy.endpoint import local_endpoint
from jetson_deploy.errors import PreflightError, UnhealthyError
from jetson_deploy.facts import HostFacts
from jetson_deploy.plan import preflight
from jetson_deploy.plan.container import container_spec
from jetson_deploy.plan.gates import gates_of
from jetson_deploy.plan.model import check_wanted, choose_model
from jetson_deploy.plan.pins import pinned_before
from jetson_deploy.plan.remarks import assumptions, warnings
from jetson_deploy.plan.sources import sources
from jetson_deploy.plan.steps import steps_from


def make_plan(facts: HostFacts, request: Request, catalog: Catalog, state: State | None = None) -> Plan:
    """Decide everything. Raises the first refusal, with numbers: nothing has been changed by then.

    `state`: what is on record of the deployment; None: nothing.
    """
    serving = find_serving(facts.engine, request.name)
    wanted = settle(request, serving)
    check_wanted(catalog, wanted)
    preflight.check_jetson(facts)
    model, image = pinned_before(facts, serving, *choose_model(catalog, facts, wanted, serving))
    preflight.check_engine(facts)
    revision = next_revision(facts.engine, wanted.name, state.last_number if state else 0)
    preflight.check_names(facts, wanted, container_name(wanted.name, revision))
    preflight.check_port(facts, wanted, serving)
    preflight.check_disks(facts, image, model, catalog.limits)
    plan = _plan(facts, wanted, catalog, serving, model, image, revision)
    if not wanted.force:
        check_not_failed_before(plan, state)
    return plan


def check_not_failed_before(plan: Plan, state: State | None) -> None:
    """A spec whose proof failed would fail again, at the price of another interruption. Raises UnhealthyError."""
    if not any(isinstance(step, CreateContainer) for step in plan.steps):
        return
    same = [r for r in state.revisions if r.spec_hash == Record.read(plan.spec.labels).spec_hash] if state else []
    if same and same[-1].outcome == "failed":
        raise UnhealthyError(
            f"this very deployment was tried before, as revision {same[-1].number}, and failed: {same[-1].reason}",
            hint="remove the cause, then try it again with --force; or ask for something else",
            code="failed-before",
            details=(f"evidence in {same[-1].evidence}",) if same[-1].evidence else (),
        )


def _plan(
    facts: HostFacts,
    wanted: Wanted,
    catalog: Catalog,
    serving: Instance | None,
    model: ModelChoice,
    image: ImageChoice,
    revision: int,
) -> Plan:
    store = _store(facts)
    free = model.available_bytes + model.terms["reserve"]
    spec = container_spec(
        wanted, image, model, store, catalog.line_of(facts.l4t) if facts.l4t else None, revision, free
    )
    gates = gates_of(wanted, catalog, model, image)
    same = serving is not None and serving.sound and serving.record.spec_hash == Record.read(spec.labels).spec_hash
    if same and preflight.pin_lost(facts, model):
        same = False  # its mount holds on to a directory that is gone: only a new container sees the new one
    steps = steps_from(facts, wanted, serving if same else None, serving, model, image, spec, gates, revision)
    keeps = same and not wanted.force and serving is not None
    return Plan(
        deployment=wanted.name,
        board=facts.board.id,
        l4t=facts.l4t,
        image=image,
        model=model,
        store=store,
        endpoint=local_endpoint(wanted.port).url,
        accept_cpu=wanted.accept_cpu,
        container=serving.container if keeps and serving else container_name(wanted.name, revision),
        spec=spec,
        gates=gates,
        warnings=tuple(warnings(facts, catalog, wanted, image, model)),
        assumptions=tuple(assumptions(facts, catalog, image, model)),
        steps=steps,
        sources=sources(wanted, serving, model, store),
    )


def _store(facts: HostFacts) -> str:
    if facts.store is None:
        raise PreflightError(
            "no disk of this host is known to take the model store",
            hint="name a directory with --store DIR",
            code="store-unknown",
        )
    return facts.store.path
