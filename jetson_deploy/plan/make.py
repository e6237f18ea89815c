"""Facts + request + catalog → plan. `plan --json` prints it, `up` carries it out."""

from __future__ import annotations

import functools
from collections.abc import Iterator

import msgspec

from jetson_deploy.catalog.catalog import Catalog
from jetson_deploy.deployment.finding import Finding, blocking, refused
from jetson_deploy.deployment.instance import Instance, container_name, find_serving, next_revision
from jetson_deploy.deployment.plan import CreateContainer, ImageChoice, ModelChoice, Plan
from jetson_deploy.deployment.record import Record
from jetson_deploy.deployment.request import Request, Wanted
from jetson_deploy.deployment.revisions import State
from jetson_deploy.deployment.settle import settle
from jetson_deploy.endpoint import local_endpoint
from jetson_deploy.errors import JetsonDeployError, UnhealthyError
from jetson_deploy.facts import HostFacts
from jetson_deploy.plan import preflight
from jetson_deploy.plan.container import container_spec
from jetson_deploy.plan.gates import gates_of
from jetson_deploy.plan.given_l4t import with_given_l4t
from jetson_deploy.plan.layers_here import check_layers, layers_of
from jetson_deploy.plan.model import choose_model, room_for_instead
from jetson_deploy.plan.native import looked_at_without_root, taken_unasked, with_runtime
from jetson_deploy.plan.pins import pinned_before
from jetson_deploy.plan.remarks import assumptions, made_by_older, missed, warnings
from jetson_deploy.plan.sources import sources
from jetson_deploy.plan.staged import pin_lost
from jetson_deploy.plan.steps import steps_from
from jetson_deploy.plan.stored_model import stored_size, with_stored
from jetson_deploy.plan.wanted_model import check_kv_cache_type, check_server, check_wanted
from jetson_deploy.server.opened import open_server
from jetson_deploy.server.port import Server, Servers
from jetson_deploy.server.workload import Layers
from jetson_deploy.server_kinds import NO_SPECULATION


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    findings: tuple[Finding, ...]
    """All that were found, in the order in which `up` meets them."""
    plan: Plan | None = None
    """None: a finding blocks."""

    def accepted(self) -> Plan:
        """Raises the error of the first blocking finding, with numbers: nothing has been changed by then."""
        if self.plan is None:
            raise blocking(self.findings)[0].error()
        return self.plan


def draft_plan(
    facts: HostFacts,
    request: Request,
    catalog: Catalog,
    state: State | None = None,
    servers: Servers | None = None,
    known: tuple[Finding, ...] = (),
) -> Draft:
    """Decide everything: the plan, or all that stands against it.

    Raises UsageError for a request that names nothing known.

    `state`: what is on record of the deployment; None: nothing. `servers`: those that can serve; None: all.
    `known`: what the known issues' own probes have found (`known_issues.py`).
    """
    serving = find_serving(facts.engine, request.name)
    wanted = with_runtime(settle(request, serving), facts.engine)
    check_server(wanted)
    server = (servers or open_server)(wanted.server)
    facts = with_given_l4t(facts, request.l4t, catalog, wanted.l4t)
    catalog = with_stored(catalog, facts, wanted, serving, server)
    check_wanted(catalog, wanted, server, facts.store)
    if other := tuple(preflight.jetson_findings(facts)):
        return Draft(findings=other)
    revision = next_revision(facts.engine, wanted.name, state.last_number if state else 0)
    host = (*preflight.host_findings(facts, wanted, container_name(wanted.name, revision), serving), *known)
    try:
        check_kv_cache_type(facts, wanted, server)
        model, image = pinned_before(facts, serving, *choose_model(catalog, facts, wanted, serving, server))
        layers = layers_of(catalog, facts, model)
        check_layers(server, model, layers)
        model = msgspec.structs.replace(model, assumed=stored_size(catalog, model.name) is not None)
    except JetsonDeployError as refusal:  # the host is judged all the same: all its findings are reported together
        return Draft(findings=(refused(refusal), *host, *preflight.store_findings(facts)))
    room = tuple(preflight.choice_findings(facts, image, model, catalog.limits))
    if room and (instead := room_for_instead(catalog, facts, wanted, server)):
        room = tuple(preflight.choice_findings(facts, image, model, catalog.limits, instead))
    found = (*host, *room, *preflight.store_findings(facts))
    if blocking(found) or facts.store is None:
        return Draft(findings=found)
    plan = _plan(facts, wanted, catalog, server, serving, model, layers, image, revision, facts.store.path)
    failed = () if wanted.force else tuple(failed_before(plan, state))
    return Draft(findings=(*found, *failed, *plan.findings), plan=None if failed else plan)


def failed_before(plan: Plan, state: State | None) -> Iterator[Finding]:
    """A spec whose proof failed would fail again, at the price of another interruption."""
    if not any(isinstance(step, CreateContainer) for step in plan.steps):
        return
    same = [r for r in state.revisions if r.spec_hash == Record.read(plan.spec.labels).spec_hash] if state else []
    if same and same[-1].outcome == "failed":
        yield Finding(
            id="failed-before",
            severity="block",
            evidence=f"this very deployment was tried before, as revision {same[-1].number}, and failed",
            cause=same[-1].reason,
            fix="remove the cause, then try it again with --force; or ask for something else",
            exit_code=UnhealthyError.exit_code,
            details=(f"evidence in {same[-1].evidence}",) if same[-1].evidence else (),
        )


def _plan(
    facts: HostFacts,
    wanted: Wanted,
    catalog: Catalog,
    server: Server,
    serving: Instance | None,
    model: ModelChoice,
    layers: Layers,
    image: ImageChoice,
    revision: int,
    store: str,
) -> Plan:
    free = model.available_bytes + model.terms["reserve"]
    line = catalog.line_of(facts.l4t) if facts.l4t else None
    specified = functools.partial(
        container_spec, server, wanted, image, model, layers, store, line, revision, free, facts.cuda_capability
    )
    spec, speculating = specified(), specified(speculating=True) if wanted.speculate != NO_SPECULATION else None
    gates = gates_of(wanted, catalog, model, image)
    same = serving is not None and serving.sound and serving.record.spec_hash == Record.read(spec.labels).spec_hash
    if same and pin_lost(facts, model):
        same = False  # its mount holds on to a directory that is gone: only a new container sees the new one
    steps = steps_from(
        facts, wanted, serving if same else None, serving, model, image, spec, gates, revision, speculating
    )
    keeps = same and not wanted.force and serving is not None
    older = () if keeps or serving is None else made_by_older(facts, serving, spec, server)
    warned = (*older, *missed(server, layers), *warnings(facts, catalog, wanted, image, model))
    asked = (*taken_unasked(wanted, serving, image), *looked_at_without_root(facts, image))
    assumed = (*asked, *assumptions(facts, catalog, image, model))
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
        warnings=tuple(one.line for one in warned),
        assumptions=tuple(one.line for one in assumed),
        steps=steps,
        sources=sources(wanted, serving, model, store),
        findings=(*warned, *assumed),
    )
