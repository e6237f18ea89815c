"""Take one model out of the store: the manifest first, then the blobs that no other model needs."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Literal

import msgspec

from jetson_deploy.errors import IntegrityError, JetsonDeployError, UnhealthyError
from jetson_deploy.events import Reporter, silent
from jetson_deploy.names import ModelName
from jetson_deploy.store.disk_errors import store_error
from jetson_deploy.store.inventory import BlobFile, blob_files, find_manifests, read_manifest
from jetson_deploy.store.layout import StorePaths, make_directories, remove_empty_parents, sync_directory
from jetson_deploy.store.lock import store_lock
from jetson_deploy.store.maintenance.collect import remove_blobs
from jetson_deploy.store.maintenance.in_use import Holder, file_id, find_holders
from jetson_deploy.store.maintenance.unneeded import Item, Victim, kept_blobs, needed_blobs, pinned_blobs
from jetson_deploy.store.manifest import manifest_digest, parse_manifest

LOCK_SECONDS = 30.0
_SHARED = "another model or a kept revision needs it"
_PINNED = "a deployment's pinned manifest needs it"


class RemovedModel(msgspec.Struct, frozen=True, kw_only=True, tag_field="schema", tag="jetson-deploy.remove/1"):
    store: str
    name: str
    manifest_digest: str | None
    """None: its manifest could not be read."""
    result: Literal["done", "dry-run"]
    removed: tuple[Item, ...]
    """In a dry run: what would be."""
    freed_bytes: int
    kept: tuple[Item, ...]
    """Blobs of it that stay."""
    notes: tuple[str, ...]


def remove_model(store: Path, name: ModelName) -> int | None:
    """Remove `name`; returns the bytes that became free, None when it was not there.

    Blobs stay when any other manifest, a kept or pinned one or a running process needs them, and all of them stay
    when any manifest cannot be read. Raises PreflightError (the store), LockedError.
    """
    if not StorePaths(store.absolute()).manifest(name).is_file():
        return None
    removed = take_out(store, name, dry_run=False, refuse_in_use=False, report=silent, stop=threading.Event())
    return removed.freed_bytes


def take_out(
    store: Path,
    name: ModelName,
    *,
    dry_run: bool,
    refuse_in_use: bool = True,
    report: Reporter,
    stop: threading.Event,
) -> RemovedModel:
    """As `remove_model`, with every argument. The manifest is there.

    Raises UnhealthyError `model-in-use` when a running process holds a blob that only this model needs.
    """
    paths = StorePaths(store.absolute())
    try:
        if dry_run:
            return _Removal(paths, name).checked(refuse_in_use).result("dry-run")
        make_directories(paths.temporary, like=paths.root)
        with store_lock(paths, wait_seconds=LOCK_SECONDS, report=report, stop=stop):
            removal = _Removal(paths, name).checked(refuse_in_use)
            removal.carry_out()
            return removal.result("done")
    except OSError as error:
        raise store_error(error, paths.root) from error


class _Removal:
    def __init__(self, paths: StorePaths, name: ModelName) -> None:
        self._paths, self._name = paths, name
        self._raw = read_manifest(paths, name)
        self._victims: list[Victim] = []
        self._kept: list[Item] = []
        self._holders: list[tuple[Item, Holder]] = []
        self._notes: list[str] = []
        self._look()

    def _look(self) -> None:
        mine = self._blob_names()
        files = [file for file in blob_files(self._paths) if file.is_blob and file.name in mine]
        in_use = find_holders({file_id(file.status): file.name for file in files})
        self._notes += in_use.notes
        try:
            others = [found for found in find_manifests(self._paths) if found.name != self._name]
            needed = dict.fromkeys(needed_blobs(others) | kept_blobs(self._paths), _SHARED)
            needed |= dict.fromkeys(pinned_blobs(self._paths), _PINNED)
        except IntegrityError as error:
            needed = dict.fromkeys(mine, "which blobs are needed is not known")
            self._notes.append(f"its blobs stay: {error.message}")
        for file in files:
            self._sort(file, needed.get(file.name), in_use.holders.get(file_id(file.status)))
        if any(needed.get(file.name) == _PINNED for file in files):
            self._notes.append("a deployment has it pinned and keeps using it; jetson-deploy down ends that")

    def _blob_names(self) -> set[str]:
        try:
            return {blob.file_name for blob in parse_manifest(self._raw or b"", self._name.short).blobs}
        except JetsonDeployError:
            self._notes.append("its manifest cannot be read: its blobs stay, and model prune finds them")
            return set()

    def _sort(self, file: BlobFile, needed: str | None, holder: Holder | None) -> None:
        """`needed`: by whom, in words."""
        path, size = f"blobs/{file.name}", file.status.st_size
        if needed is not None:
            self._kept.append(Item(path=path, size_bytes=size, why=needed))
        elif holder is not None:
            self._kept.append(Item(path=path, size_bytes=size, why=holder.claim("it")))
            self._holders.append((self._kept[-1], holder))
        else:
            item = Item(path=path, size_bytes=size, why="no other model needs it")
            self._victims.append(Victim(item, (self._paths.blobs / file.name,)))

    def checked(self, refuse_in_use: bool) -> _Removal:
        if self._holders and refuse_in_use:
            item, holder = self._holders[0]
            raise UnhealthyError(
                f"{self._name.short} is in use: {holder.claim(item.path)}",
                hint=f"stop it first (Ollama: ollama stop {self._name.short}), then run the same command again",
                code="model-in-use",
            )
        return self

    def carry_out(self) -> None:
        """A kill at any moment leaves at worst blobs that no model needs. Raises OSError."""
        path = self._paths.manifest(self._name)
        path.unlink(missing_ok=True)
        sync_directory(path.parent)
        remove_empty_parents(path, self._paths.manifests)
        remove_blobs(self._paths, tuple(self._victims))

    def result(self, result: Literal["done", "dry-run"]) -> RemovedModel:
        manifest = Item(
            path="/".join(("manifests", *self._name.manifest_path)), size_bytes=len(self._raw or b""), why="asked for"
        )
        blobs = [victim.item for victim in self._victims]
        return RemovedModel(
            store=str(self._paths.root),
            name=self._name.short,
            manifest_digest=manifest_digest(self._raw) if self._raw else None,
            result=result,
            removed=(manifest, *blobs),
            freed_bytes=sum(item.size_bytes for item in blobs),
            kept=tuple(self._kept),
            notes=tuple(self._notes),
        )
