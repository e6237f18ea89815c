"""The ordered steps from the facts to the request. Empty when there is nothing to do.

What `up`, `rollback` and `recover` carry out, each step between two crash points (`deploy/boundary.py`). The
order is what makes a power cut harmless: until `set-restart CANDIDATE always` the old container is the one
that the engine starts by itself, from then on the new one; both were proven when both may start.
"""

from __future__ import annotations

from jetson_deploy.deployment.instance import CANDIDATE, Instance, container_name, leftovers
from jetson_deploy.deployment.plan import (
    AnyStep,
    Collect,
    CreateContainer,
    Gates,
    ImageChoice,
    ModelChoice,
    PinModel,
    Prove,
    Remember,
    RemoveContainer,
    RenameContainer,
    SetRestart,
    Settle,
    StageImage,
    StageModel,
    StartContainer,
    StopContainer,
    TrySpeculation,
)
from jetson_deploy.deployment.request import Wanted
from jetson_deploy.facts import HostFacts
from jetson_deploy.plan.staged import image_staged, model_pinned, model_staged
from jetson_deploy.spec import ContainerSpec


def steps_from(
    facts: HostFacts,
    wanted: Wanted,
    same: Instance | None,
    serving: Instance | None,
    model: ModelChoice,
    image: ImageChoice,
    spec: ContainerSpec,
    gates: Gates,
    revision: int,
    speculating: ContainerSpec | None = None,
) -> tuple[AnyStep, ...]:
    """`same` is the serving deployment when its spec is the wanted one and it is sound.

    `speculating`: the spec with the speculation that was asked for; None: none was.
    """
    steps: list[AnyStep] = leftover_steps(facts, wanted.name, serving)
    serves = same is not None and same.running
    unknown_store = facts.store is None or facts.store.models is None
    if not (serves and unknown_store):  # the serving deployment has its image and model, where they cannot be inspected
        steps += staging_steps(facts, model, image, wanted.registry)
    if same is not None and not wanted.force:
        return tuple(steps if same.running else [*steps, *start_again_steps(same, gates)])
    return (*steps, *cutover_steps(wanted.name, serving, spec, gates, revision, speculating))


def leftover_steps(facts: HostFacts, deployment: str, serving: Instance | None) -> list[AnyStep]:
    return [
        RemoveContainer(container=c.name, why="left behind by an interrupted run")
        for c in leftovers(facts.engine, deployment, serving)
    ]


def start_again_steps(same: Instance, gates: Gates) -> list[AnyStep]:
    """The deployment is there and as wanted, it only does not run."""
    return [
        StartContainer(container=same.container),
        Prove(container=same.container, gates=gates),
        # It may be the previous one, whose successor was removed.
        SetRestart(container=same.container, policy="always", why="serves again"),
    ]


def cutover_steps(
    deployment: str,
    serving: Instance | None,
    spec: ContainerSpec,
    gates: Gates,
    revision: int,
    speculating: ContainerSpec | None = None,
) -> list[AnyStep]:
    """Create beside what serves, swap, prove, commit, collect."""
    final = container_name(deployment, revision)
    candidate = final + CANDIDATE
    old = serving.container if serving else None
    # The intent right before the stop: found beside a running old one, its stop may still be under way.
    steps: list[AnyStep] = [
        CreateContainer(container=candidate, spec=spec),
        Remember(what="intent", container=final),
    ]
    if serving is not None and serving.occupies:
        # The port and the memory are one: the old one stops only when everything else is ready.
        steps.append(StopContainer(container=serving.container, why=f"makes room for revision {revision}"))
    steps += [StartContainer(container=candidate), Prove(container=candidate, gates=gates)]
    if speculating is not None:
        steps.append(TrySpeculation(container=candidate, gates=gates, off=spec, on=speculating))
    if gates.stability_seconds > 0:
        steps.append(Settle(container=candidate, seconds=gates.stability_seconds))
    steps.append(Remember(what="proof", container=candidate))
    return [*steps, *commit_steps(candidate, final, old)]


def commit_steps(candidate: str, final: str, old: str | None) -> list[AnyStep]:
    """From the first of them on the new one is what serves: a run that dies here is finished, not undone."""
    steps: list[AnyStep] = [SetRestart(container=candidate, policy="always", why="proven")]
    if old is not None:
        steps.append(SetRestart(container=old, policy="no", why=f"replaced by {final}"))
    return [
        *steps,
        RenameContainer(container=candidate, name=final),
        Remember(what="revision", container=final),
        Collect(keep=(final,) if old is None else (final, old)),
    ]


def staging_steps(facts: HostFacts, model: ModelChoice, image: ImageChoice, registry: str) -> list[AnyStep]:
    """What of image and model is not here yet."""
    store = facts.store.path if facts.store else ""
    steps: list[AnyStep] = []
    if not image_staged(facts, image):
        steps.append(StageImage(reference=image.reference, size_bytes=image.size_bytes))
    if not model_staged(facts, model):
        steps.append(
            StageModel(
                name=model.name,
                registry=registry,
                store=store,
                manifest_digest=model.manifest_digest,
                download_bytes=model.download_bytes,
            )
        )
    if not model_pinned(facts, model):
        steps.append(PinModel(name=model.name, store=store, manifest_digest=model.manifest_digest))
    return steps
