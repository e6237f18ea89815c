"""`down --purge`: remove images, models and pinned manifests that were downloaded, and every record."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from jetson_deploy.deploy.run.prune import unneeded_digests
from jetson_deploy.deploy.run.stage import reported
from jetson_deploy.events import Note, Reporter
from jetson_deploy.facts import ContainerFacts, HostFacts
from jetson_deploy.names import parse_model_name
from jetson_deploy.runtime.port import Runtime
from jetson_deploy.state.directory import OwnedModel, StateDirectory
from jetson_deploy.state.needs import Need, Needs, different_directories, labelled, need_of, needs_of, same_directory


class Purged(msgspec.Struct, frozen=True, kw_only=True):
    images: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    manifests: tuple[str, ...] = ()
    freed_bytes: int = 0

    @property
    def anything(self) -> bool:
        return bool(self.images or self.models or self.manifests)


def purge_owned(
    runtime: Runtime,
    facts: HostFacts,
    state: StateDirectory,
    removed: Sequence[ContainerFacts],
    report: Reporter,
) -> Purged:
    """What another deployment needs goes over to it. `removed`: the containers that are gone by now.

    Raises PreflightError when what is on record of a deployment cannot be read, and what a removal raises; the same
    command then goes on.
    """
    mine = state.name
    gone = {container.id for container in removed}
    left = [c for c in (facts.engine.containers if facts.engine else ()) if c.id not in gone]
    others = Needs(all=tuple(need for need in needs_of(left, state.path.parent).all if need.deployment != mine))
    before = _before(state, removed)
    _tell_what_stays(before, state, report)
    images = _images(runtime, state, others, report)
    models, manifests, freed = _models(state, others, before, report)
    state.remove()
    return Purged(images=images, models=models, manifests=manifests, freed_bytes=freed)


def _before(state: StateDirectory, removed: Sequence[ContainerFacts]) -> list[Need]:
    """What this deployment needed, newest first."""
    found = [need for container in removed if (need := labelled(container.labels)) is not None]
    on_record = state.load()
    return found + [need_of(state.name, revision) for revision in reversed(on_record.revisions if on_record else ())]


def _tell_what_stays(before: list[Need], state: StateDirectory, report: Reporter) -> None:
    owned = state.owned()
    for image in dict.fromkeys(need.image for need in before):
        if image and image not in owned.images:
            report(Note(level="info", text=f"image {image} was here before this deployment: kept"))
    for name, store in dict.fromkeys((need.model, need.store) for need in before):
        if name and OwnedModel(name, store) not in owned.models:
            report(Note(level="info", text=f"model {name} was in the store before this deployment: kept"))


def _images(runtime: Runtime, state: StateDirectory, others: Needs, report: Reporter) -> tuple[str, ...]:
    removed = []
    for image in state.owned().images:
        new_owner = next((need.deployment for need in others.all if Needs(all=(need,)).image(image)), None)
        if new_owner is not None:
            report(Note(level="info", text=f"image {image} kept: deployment {new_owner!r} uses it"))
            StateDirectory(state.path.parent, new_owner).add_image(image)
        elif _remove_image(runtime, image, report):
            removed.append(image)
    return tuple(removed)


def _remove_image(runtime: Runtime, reference: str, report: Reporter) -> bool:
    with reported(report, "remove-image", reference):
        kept_because = runtime.remove_image(reference)
    if kept_because:
        report(Note(level="info", text=f"image {reference} kept: {kept_because}"))
    return kept_because is None


def _models(
    state: StateDirectory, others: Needs, before: list[Need], report: Reporter
) -> tuple[tuple[str, ...], tuple[str, ...], int]:
    """Models and manifests that went, and the bytes that became free in the stores."""
    from jetson_deploy.store.maintenance.release import release

    going: list[OwnedModel] = []
    for model in state.owned().models:
        new_owner = next((n.deployment for n in others.all if Needs(all=(n,)).model(model.name, model.store)), None)
        if new_owner is not None:
            report(Note(level="info", text=f"model {model.name} kept: deployment {new_owner!r} uses it"))
            StateDirectory(state.path.parent, new_owner).add_model(model.name, model.store)
        else:
            going.append(model)
    models, manifests, freed = list[str](), list[str](), 0
    for store in different_directories([*(m.store for m in going), *(need.store for need in before)]):
        pins, kept = unneeded_digests(Path(store), others)
        names = [parse_model_name(m.name) for m in going if same_directory(m.store, store)]
        if not (pins or kept or names):
            continue
        what = ", ".join(name.short for name in names) or "pinned manifests"
        with reported(report, "remove-model", f"{what} from {store}"):
            gone = release(Path(store), pins=pins, kept=kept, models=names, report=report, lock_seconds=30.0)
        if gone.waiting:
            report(Note(level="info", text=f"keeping blobs in {store}: {gone.waiting}"))
        short = {name.short for name in names}
        models += [name for name in gone.manifests if name in short]
        manifests += [name for name in gone.manifests if name not in short]
        freed += gone.freed_bytes
    return tuple(models), tuple(manifests), freed
