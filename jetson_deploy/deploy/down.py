"""`down`: remove what is ours, and nothing else."""

from __future__ import annotations

from pathlib import Path

import msgspec

from jetson_deploy.deploy import hands as binding
from jetson_deploy.deploy.lock import deployment_lock
from jetson_deploy.deploy.stage import reported
from jetson_deploy.deploy.state import Record, StateDirectory
from jetson_deploy.engine import containers, images
from jetson_deploy.events import Note, Reporter
from jetson_deploy.facts import HostFacts
from jetson_deploy.names import parse_model_name
from jetson_deploy.plan.preflight import check_engine_reachable
from jetson_deploy.plan.serving import ours
from jetson_deploy.settings import Settings


class Removed(msgspec.Struct, frozen=True, kw_only=True, tag_field="schema", tag="jetson-deploy.down/1"):
    deployment: str
    result: str
    """`done` or `no-changes`."""
    containers: tuple[str, ...]
    image: str | None
    model: str | None
    freed_bytes: int


def take_down(facts: HostFacts, settings: Settings, deployment: str, *, purge: bool, report: Reporter) -> Removed:
    """Remove the deployment's containers; with `purge` also the state, and image and model that we brought."""
    check_engine_reachable(facts)
    with deployment_lock(settings.lock_dir, deployment):
        client = binding.engine(settings)
        state = StateDirectory(settings.state_dir, deployment)
        record = state.read()
        names = [c.name for c in ours(facts, deployment)]
        for name in names:
            with reported(report, "remove-container", name):
                containers.stop(client, name, 30)
                containers.remove(client, name, force=True)
        image, model, freed = None, None, 0
        if purge and record is not None:
            image = _purge_image(client, record, report)
            model, freed = _purge_model(record, report)
        if purge:
            state.remove()
    changed = bool(names or image or model)
    return Removed(
        deployment=deployment,
        result="done" if changed else "no-changes",
        containers=tuple(names),
        image=image,
        model=model,
        freed_bytes=freed,
    )


def _purge_image(client: object, record: Record, report: Reporter) -> str | None:
    if not record.pulled_image:
        report(Note(level="info", text=f"image {record.image} was here before us: kept"))
        return None
    with reported(report, "remove-image", record.image):
        kept_because = images.remove_image(client, record.image)  # type: ignore[arg-type]  # docker is not imported here
    if kept_because:
        report(Note(level="info", text=f"image {record.image} kept: {kept_because}"))
        return None
    return record.image


def _purge_model(record: Record, report: Reporter) -> tuple[str | None, int]:
    from jetson_deploy.store.remove import remove_model

    if not record.fetched_model:
        report(Note(level="info", text=f"model {record.model} was in the store before us: kept"))
        return None, 0
    with reported(report, "remove-model", f"{record.model} from {record.store}"):
        freed = remove_model(Path(record.store), parse_model_name(record.model))
    return record.model, freed
