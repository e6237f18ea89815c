"""Digests that the catalog does not hold: taken from the deployment, the store or the staging, and kept."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from jetson_deploy.deployment.instance import Instance
from jetson_deploy.deployment.plan import (
    AnyStep,
    CreateContainer,
    Gates,
    ImageChoice,
    ModelChoice,
    PinModel,
    Plan,
    Prove,
    TrySpeculation,
)
from jetson_deploy.deployment.record import Record
from jetson_deploy.facts import HostFacts
from jetson_deploy.names import pinned
from jetson_deploy.plan.container import repinned
from jetson_deploy.server.port import Servers
from jetson_deploy.spec import ContainerSpec


def pinned_before(
    facts: HostFacts, serving: Instance | None, model: ModelChoice, image: ImageChoice
) -> tuple[ModelChoice, ImageChoice]:
    """With the digests of what is deployed, or lies in the store, where the catalog has none."""
    if model.manifest_digest is None and (known := _deployed(serving, model.name) or _stored(facts, model.name)):
        model = msgspec.structs.replace(model, manifest_digest=known)
    name, _, digest = serving.record.image.partition("@") if serving else ("", "", "")
    if image.digest is None and digest and name == image.reference and serving is not None:
        image = msgspec.structs.replace(image, reference=serving.record.image, digest=digest)
    return model, image


def _deployed(serving: Instance | None, name: str) -> str | None:
    return serving.record.manifest_digest if serving is not None and serving.record.model == name else None


def _stored(facts: HostFacts, name: str) -> str | None:
    models = (facts.store.models or ()) if facts.store else ()
    return next((m.manifest_digest for m in models if m.name == name and m.complete), None)


def pinned_by_staging(servers: Servers, plan: Plan, image_digest: str | None, manifest_digest: str | None) -> Plan:
    """With the digests that staging found, where the plan has none: the labels hold them for the next run."""
    image, model = plan.image, plan.model
    if image.digest is None and image_digest is not None:
        image = msgspec.structs.replace(image, reference=pinned(image.reference, image_digest), digest=image_digest)
    if model.manifest_digest is None and manifest_digest is not None:
        model = msgspec.structs.replace(model, manifest_digest=manifest_digest)
    if (image, model) == (plan.image, plan.model):
        return plan
    server = servers(Record.read(plan.spec.labels).server)

    def repin(spec: ContainerSpec) -> ContainerSpec:
        return repinned(server, spec, image.reference, model.manifest_digest or "")

    gates = msgspec.structs.replace(plan.gates, expect_manifest_digest=model.manifest_digest)
    steps = tuple(_repinned(step, repin, gates) for step in plan.steps)
    return msgspec.structs.replace(plan, image=image, model=model, spec=repin(plan.spec), gates=gates, steps=steps)


def _repinned(step: AnyStep, repin: Callable[[ContainerSpec], ContainerSpec], gates: Gates) -> AnyStep:
    if isinstance(step, CreateContainer):
        return msgspec.structs.replace(step, spec=repin(step.spec))
    if isinstance(step, PinModel):
        return msgspec.structs.replace(step, manifest_digest=gates.expect_manifest_digest)
    if isinstance(step, TrySpeculation):
        return msgspec.structs.replace(step, gates=gates, off=repin(step.off), on=repin(step.on))
    return msgspec.structs.replace(step, gates=gates) if isinstance(step, Prove) else step
