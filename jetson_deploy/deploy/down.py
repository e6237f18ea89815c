"""`down`: remove what is ours, and nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from jetson_deploy.catalog.catalog import Catalog
from jetson_deploy.deploy import hands as binding
from jetson_deploy.deploy.lock import deployment_lock
from jetson_deploy.deploy.stage import reported
from jetson_deploy.deploy.state import BroughtModel, StateDirectory
from jetson_deploy.deploy.survey import check_acts_here, survey
from jetson_deploy.engine import containers
from jetson_deploy.engine.images import remove_image
from jetson_deploy.events import Note, Reporter
from jetson_deploy.facts import HostFacts
from jetson_deploy.names import parse_model_name
from jetson_deploy.plan.preflight import check_engine_reachable
from jetson_deploy.plan.serving import CPU_ACCEPTED, LABEL, find_serving, ours
from jetson_deploy.settings import Settings

if TYPE_CHECKING:
    import docker


class Removed(msgspec.Struct, frozen=True, kw_only=True, tag_field="schema", tag="jetson-deploy.down/1"):
    deployment: str
    result: str
    """`done` or `no-changes`."""
    containers: tuple[str, ...]
    images: tuple[str, ...]
    models: tuple[str, ...]
    freed_bytes: int
    accept_cpu: bool
    """The deployment that was removed had accepted a CPU-only server."""


def take_down(
    root: Path, settings: Settings, catalog: Catalog, deployment: str, *, purge: bool, report: Reporter
) -> Removed:
    """Remove the deployment's containers; with `purge` also the state, and image and model that we brought."""
    check_acts_here(root, settings, "down")
    with deployment_lock(settings.lock_dir, deployment):
        facts = survey(root, settings, catalog, store=None, deployment=deployment)
        check_engine_reachable(facts)
        client = binding.engine(settings)
        state = StateDirectory(settings.state_dir, deployment)
        serving = find_serving(facts.engine, deployment)
        cpu = serving is not None and serving.accept_cpu
        if cpu:
            report(Note(level="info", text=CPU_ACCEPTED))
        names = [c.name for c in ours(facts.engine, deployment)]
        for name in names:
            with reported(report, "remove-container", name):
                containers.stop(client, name, 30)
                containers.remove(client, name, force=True)
        images, models, freed = _purge(client, facts, state, deployment, report) if purge else ([], [], 0)
    return Removed(
        deployment=deployment,
        result="done" if names or images or models else "no-changes",
        containers=tuple(names),
        images=tuple(images),
        models=tuple(models),
        freed_bytes=freed,
        accept_cpu=cpu,
    )


def _purge(
    client: docker.APIClient, facts: HostFacts, state: StateDirectory, deployment: str, report: Reporter
) -> tuple[list[str], list[str], int]:
    """Images and models that went, and the bytes that became free in the stores."""
    brought, record = state.brought(), state.read()
    if record is not None and record.image not in brought.images:
        report(Note(level="info", text=f"image {record.image} was here before us: kept"))
    if record is not None and BroughtModel(record.model, record.store) not in brought.models:
        report(Note(level="info", text=f"model {record.model} was in the store before us: kept"))
    images, models, freed = [], [], 0
    for image in brought.images:
        if heir := _heir(facts, deployment, {"image": image}):
            report(Note(level="info", text=f"image {image} kept: deployment {heir!r} uses it"))
            StateDirectory(state.path.parent, heir).add_image(image)
        elif _remove_image(client, image, report):
            images.append(image)
    for model in brought.models:
        if heir := _heir(facts, deployment, {"model": model.name, "store": model.store}):
            report(Note(level="info", text=f"model {model.name} kept: deployment {heir!r} uses it"))
            StateDirectory(state.path.parent, heir).add_model(model.name, model.store)
        elif (became_free := _remove_model(model, report)) is not None:
            freed += became_free
            models.append(model.name)
    state.remove()
    return images, models, freed


def _remove_image(client: docker.APIClient, reference: str, report: Reporter) -> bool:
    with reported(report, "remove-image", reference):
        kept_because = remove_image(client, reference)
    if kept_because:
        report(Note(level="info", text=f"image {reference} kept: {kept_because}"))
    return kept_because is None


def _heir(facts: HostFacts, deployment: str, labels: dict[str, str]) -> str | None:
    """Another deployment that uses the same: it is the one to remove it at last."""
    wanted = {LABEL + key: value for key, value in labels.items()}
    for container in facts.engine.containers if facts.engine else ():
        other = container.labels.get(LABEL + "name")
        if other not in (None, deployment) and wanted.items() <= container.labels.items():
            return other
    return None


def _remove_model(model: BroughtModel, report: Reporter) -> int | None:
    from jetson_deploy.store.upkeep.remove import remove_model

    with reported(report, "remove-model", f"{model.name} from {model.store}"):
        return remove_model(Path(model.store), parse_model_name(model.name))
