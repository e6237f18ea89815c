"""The ordered steps from the facts to the request. Empty when there is nothing to do."""

from __future__ import annotations

from jetson_deploy.facts import HostFacts
from jetson_deploy.plan.plan import (
    AnyStep,
    Commit,
    CreateContainer,
    Gates,
    ImageChoice,
    ModelChoice,
    Prove,
    RemoveContainer,
    StageImage,
    StageModel,
    StartContainer,
    StopContainer,
)
from jetson_deploy.plan.preflight import image_staged, model_staged
from jetson_deploy.plan.request import Wanted
from jetson_deploy.plan.serving import CANDIDATE, Serving, container_name, leftovers
from jetson_deploy.spec import ContainerSpec


def steps_from(
    facts: HostFacts,
    wanted: Wanted,
    same: Serving | None,
    serving: Serving | None,
    model: ModelChoice,
    image: ImageChoice,
    spec: ContainerSpec,
    gates: Gates,
    revision: int,
) -> tuple[AnyStep, ...]:
    """`same` is the serving deployment when its spec is the wanted one and it is sound."""
    steps: list[AnyStep] = [
        RemoveContainer(container=c.name, why="left behind by an interrupted run")
        for c in leftovers(facts.engine, wanted.name, serving)
    ]
    serves = same is not None and same.running
    unknown_store = facts.store is None or facts.store.models is None
    if not (serves and unknown_store):  # what serves has its image and model, where nobody can look
        steps += _staging(facts, wanted, model, image)
    if same is not None and not wanted.force:
        if not same.running:
            steps += [StartContainer(container=same.container), Prove(container=same.container, gates=gates)]
        return tuple(steps)
    candidate = container_name(wanted.name, revision) + CANDIDATE
    steps.append(CreateContainer(container=candidate, spec=spec))
    if serving is not None and serving.occupies:
        # The port and the memory are one: the old one stops only when everything else is ready.
        steps.append(StopContainer(container=serving.container, why=f"makes room for revision {revision}"))
    steps += [
        StartContainer(container=candidate),
        Prove(container=candidate, gates=gates),
        Commit(container=candidate, replaces=serving.container if serving else None),
    ]
    return tuple(steps)


def _staging(facts: HostFacts, wanted: Wanted, model: ModelChoice, image: ImageChoice) -> list[AnyStep]:
    steps: list[AnyStep] = []
    if not image_staged(facts, image):
        steps.append(StageImage(reference=image.reference, size_bytes=image.size_bytes))
    if not model_staged(facts, model):
        steps.append(
            StageModel(
                name=model.name,
                registry=wanted.registry,
                store=facts.store.path if facts.store else "",
                manifest_digest=model.manifest_digest,
                download_bytes=model.download_bytes,
            )
        )
    return steps
