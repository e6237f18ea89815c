"""Prune after a commit: downloaded images and models that neither the serving revision nor the one before needs.

The deployment is committed by then: a failed removal is reported as a warning, undoes nothing, and is tried again
after the next commit. Everything is decided anew from what is there, so that a run may die at any moment.
"""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

from jetson_deploy.deploy.run.stage import reported
from jetson_deploy.deployment.record import Record, deployment_of
from jetson_deploy.deployment.revisions import State
from jetson_deploy.errors import JetsonDeployError
from jetson_deploy.events import Note, Reporter
from jetson_deploy.names import parse_model_name
from jetson_deploy.runtime.port import Runtime
from jetson_deploy.server_kinds import stop_seconds
from jetson_deploy.state.directory import OwnedModel, StateDirectory
from jetson_deploy.state.needs import Needs, different_directories, needs_of, same_directory
from jetson_deploy.store.inventory import read_manifest
from jetson_deploy.store.kept import digests_in
from jetson_deploy.store.layout import StorePaths
from jetson_deploy.store.manifest import manifest_digest

if TYPE_CHECKING:
    from jetson_deploy.runtime.port import ListedContainer

LOCKS = Path("/proc/locks")


def collect_deployment(
    runtime: Runtime,
    deployment: str,
    keep: tuple[str, ...],
    state: StateDirectory,
    report: Reporter,
    *,
    lock_dir: Path | None = None,
) -> None:
    """Containers of the deployment that are not in `keep`, and the images, models and manifests of them. Never raises
    what went wrong: a warning tells it.

    `lock_dir`: while another deployment is being changed, a file without a reference may be one that it will use.
    """
    _Collection(runtime, deployment, keep, state, report).run(lock_dir)


class _Collection:
    def __init__(
        self,
        runtime: Runtime,
        deployment: str,
        keep: tuple[str, ...],
        state: StateDirectory,
        report: Reporter,
    ) -> None:
        self._runtime, self._deployment, self._keep = runtime, deployment, keep
        self._state, self._report = state, report
        self._root = state.path.parent

    def run(self, lock_dir: Path | None) -> None:
        try:
            containers = self._without_old_ones()
            if containers is None:
                return
            others = others_at_work(lock_dir, self._deployment) if lock_dir else []
            if others:
                text = f"{others[0]} is being changed: unused images and models are pruned after the next commit"
                self._report(Note(level="info", text=text))
                return
            needs, on_record = needs_of(containers, self._root), self._state.load()
        except JetsonDeployError as error:
            self._warn("unused images and models were not pruned", error)
            return
        self._images(needs, {container.image_id for container in containers})
        stores = self._stores(needs, on_record)
        for store in stores:
            self._manifests(store, needs, on_record)

    def _without_old_ones(self) -> list[ListedContainer] | None:
        """Those that are left; None when none of those to keep is there: then nothing is certain."""
        found = self._runtime.list_containers()
        mine = [one for one in found if deployment_of(one.labels) == self._deployment]
        if not any(one.name in self._keep for one in mine):
            return None
        old = {one.id for one in mine if one.name not in self._keep and self._removed(one)}
        return [one for one in found if one.id not in old]

    def _removed(self, container: ListedContainer) -> bool:

        try:
            with reported(self._report, "remove-container", f"{container.name}: no longer needed"):
                self._runtime.stop(container.id, stop_seconds(Record.read(container.labels).server))
                self._runtime.remove(container.id, force=True)
        except JetsonDeployError as error:
            self._warn(f"container {container.name} stays", error)
            return False
        return True

    def _images(self, needs: Needs, used: Collection[str]) -> None:
        for reference in self._state.owned().images:
            if not needs.image(reference):
                try:
                    self._image(reference, used)
                except JetsonDeployError as error:
                    self._warn(f"image {reference} stays", error)

    def _image(self, reference: str, used: Collection[str]) -> None:
        """An image that a foreign container uses stays owned, and is removed later."""
        found = self._runtime.find_image(reference)
        if found is None or found.id not in used:
            if found is not None:
                with reported(self._report, "remove-image", reference):
                    kept_because = self._runtime.remove_image(reference)
                if kept_because is not None:
                    self._report(Note(level="info", text=f"image {reference} stays: {kept_because}"))
                    return
            self._state.forget_image(reference)

    def _stores(self, needs: Needs, on_record: State | None) -> list[str]:
        """Where this deployment has, or had, its models."""
        named = [need.store for need in needs.all if need.deployment == self._deployment]
        named += [model.store for model in self._state.owned().models]
        named += [revision.store for revision in on_record.revisions] if on_record else []
        return different_directories(named)

    def _manifests(self, store: str, needs: Needs, on_record: State | None) -> None:
        from jetson_deploy.store.maintenance.release import release

        try:
            pins, kept = unneeded_digests(Path(store), needs)
            models = self._unneeded_models(store, needs, on_record)
            going = [parse_model_name(model.name) for model in models]
            gone = release(Path(store), pins=pins, kept=kept, models=going, report=self._report)
        except JetsonDeployError as error:
            self._warn(f"unused models in the store {store} were not pruned", error)
            return
        if gone.manifests:
            what = ", ".join(gone.manifests)
            self._report(Note(level="info", text=f"removed from {store}: {what}; {gone.freed_bytes} bytes freed"))
        if gone.waiting:
            self._report(Note(level="info", text=f"keeping blobs in {store}: {gone.waiting}"))
        for model in models:
            self._forget(model)

    def _unneeded_models(self, store: str, needs: Needs, on_record: State | None) -> list[OwnedModel]:
        """Models that were downloaded. A model whose tag changed since then is no longer owned."""
        found = []
        for model in self._state.owned().models:
            if not same_directory(model.store, store) or needs.model(model.name, model.store):
                continue
            if _moved(model, on_record):
                self._report(Note(level="info", text=f"keeping model {model.name}: tag changed since download"))
                self._forget(model)
            else:
                found.append(model)
        return found

    def _forget(self, model: OwnedModel) -> None:
        try:
            self._state.forget_model(model)
        except JetsonDeployError as error:
            self._warn(f"model {model.name} stays on record", error)

    def _warn(self, what: str, error: JetsonDeployError) -> None:
        self._report(Note(level="warning", text=f"{what}: {error.message}"))


def unneeded_digests(store: Path, needs: Needs) -> tuple[list[str], list[str]]:
    """Of pinned trees and of kept manifests that no deployment names. Nothing when one does not say which it needs."""
    needed = needs.digests()
    if needed is None:
        return [], []
    paths = StorePaths(store)
    try:
        pins, kept = digests_in(paths.pinned), digests_in(paths.kept)
    except OSError:
        return [], []
    return [d for d in pins if d not in needed], [d for d in kept if d not in needed]


def _moved(model: OwnedModel, on_record: State | None) -> bool:
    ours = {r.model_digest for r in on_record.revisions if r.model == model.name} if on_record else set()
    raw = read_manifest(StorePaths(Path(model.store)), parse_model_name(model.name))
    return raw is not None and None not in ours and bool(ours) and manifest_digest(raw) not in ours


def others_at_work(lock_dir: Path, deployment: str) -> list[str]:
    """Deployments whose lock another process holds. Only looked at: trying a lock would turn its run away."""
    held = _held_files()
    found = []
    for path in sorted(lock_dir.glob("jetson-deploy-*.lock")) if held else ():
        name = path.name.removeprefix("jetson-deploy-").removesuffix(".lock")
        try:
            status = path.stat()
        except OSError:
            continue
        if name != deployment and (os.major(status.st_dev), os.minor(status.st_dev), status.st_ino) in held:
            found.append(f"deployment {name!r}")
    return found


def _held_files() -> set[tuple[int, int, int]]:
    """From lines `1: FLOCK  ADVISORY  WRITE 708 00:1a:12345 0 EOF` (proc_locks(5)); nothing where it is not there."""
    try:
        lines = LOCKS.read_text().splitlines()
    except OSError:
        return set()
    places = [line.split()[-3].split(":") for line in lines if " FLOCK " in line and " -> " not in line]
    return {(int(major, 16), int(minor, 16), int(inode)) for major, minor, inode in places}
