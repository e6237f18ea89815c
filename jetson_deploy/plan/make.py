"""Facts + request + catalog → plan. `plan --json` prints it, `up` carries it out."""

from __future__ import annotations

from jetson_deploy.catalog.catalog import Catalog
from jetson_deploy.errors import PreflightError
from jetson_deploy.facts import HostFacts
from jetson_deploy.plan import preflight
from jetson_deploy.plan.container import container_spec
from jetson_deploy.plan.model import check_wanted, choose_model
from jetson_deploy.plan.pins import pinned_before
from jetson_deploy.plan.plan import Gates, ImageChoice, ModelChoice, Plan, Speed
from jetson_deploy.plan.remarks import assumptions, warnings
from jetson_deploy.plan.request import Request, Wanted, settle
from jetson_deploy.plan.serving import LABEL, Serving, container_name, find_serving, next_revision
from jetson_deploy.plan.steps import steps_from


def make_plan(facts: HostFacts, request: Request, catalog: Catalog) -> Plan:
    """Decide everything. Raises the first refusal, with numbers: nothing has been changed by then."""
    serving = find_serving(facts.engine, request.name)
    wanted = settle(request, serving)
    check_wanted(catalog, wanted)
    preflight.check_jetson(facts)
    model, image = pinned_before(facts, serving, *choose_model(catalog, facts, wanted, serving))
    preflight.check_engine(facts)
    revision = next_revision(facts.engine, wanted.name)
    preflight.check_names(facts, wanted, container_name(wanted.name, revision))
    preflight.check_port(facts, wanted, serving)
    preflight.check_disks(facts, image, model, catalog.limits)
    return _plan(facts, wanted, catalog, serving, model, image, revision)


def _plan(
    facts: HostFacts,
    wanted: Wanted,
    catalog: Catalog,
    serving: Serving | None,
    model: ModelChoice,
    image: ImageChoice,
    revision: int,
) -> Plan:
    store = _store(facts)
    free = model.available_bytes + model.terms["reserve"]
    spec = container_spec(
        wanted, image, model, store, catalog.line_of(facts.l4t) if facts.l4t else None, revision, free
    )
    gates = _gates(wanted, catalog, model, image)
    same = serving is not None and serving.sound and serving.spec_hash == spec.labels[LABEL + "spec-hash"]
    steps = steps_from(facts, wanted, serving if same else None, serving, model, image, spec, gates, revision)
    keeps = same and not wanted.force and serving is not None
    return Plan(
        deployment=wanted.name,
        board=facts.board.id,
        l4t=facts.l4t,
        image=image,
        model=model,
        store=store,
        endpoint=f"http://127.0.0.1:{wanted.port}",
        accept_cpu=wanted.accept_cpu,
        container=serving.container if keeps and serving else container_name(wanted.name, revision),
        spec=spec,
        gates=gates,
        warnings=tuple(warnings(facts, catalog, wanted, image, model)),
        assumptions=tuple(assumptions(facts, catalog, image, model)),
        steps=steps,
    )


def _gates(wanted: Wanted, catalog: Catalog, model: ModelChoice, image: ImageChoice) -> Gates:
    return Gates(
        min_gpu_share=catalog.limits["gpu_share_gate"].value,
        accept_cpu=wanted.accept_cpu,
        floor_tokens_per_second=_floor(catalog, model.predicted_tokens_per_second),
        expect_version=image.ollama_reported,
        expect_manifest_digest=model.manifest_digest,
    )


def _floor(catalog: Catalog, speed: Speed | None) -> float | None:
    """Below this share of the roofline the GPU is most likely not used."""
    if speed is None:
        return None
    limits = catalog.limits
    return round(speed.high / limits["efficiency_high"].value * limits["cpu_suspicion_share"].value, 2)


def _store(facts: HostFacts) -> str:
    if facts.store is None:
        raise PreflightError(
            "no disk of this host is known to take the model store",
            hint="name a directory with --store DIR",
            code="store-unknown",
        )
    return facts.store.path
