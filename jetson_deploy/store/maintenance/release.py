"""Release manifests, and the blobs that only they needed, whatever their age.

A manifest is first moved aside, and is off the disk only when its blobs are: a run that is killed in between leaves
a list of what it was about to remove, and the next one goes on there.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

import msgspec

from jetson_deploy.errors import JetsonDeployError
from jetson_deploy.events import Reporter, silent
from jetson_deploy.names import ModelName
from jetson_deploy.store.disk_errors import store_error
from jetson_deploy.store.inventory import blob_files, find_manifests, read_manifest, read_small
from jetson_deploy.store.kept import names_in
from jetson_deploy.store.layout import (
    StorePaths,
    make_directories,
    remove_empty_parents,
    remove_whatever,
    sync_directory,
)
from jetson_deploy.store.lock import store_lock
from jetson_deploy.store.maintenance.collect import LOCK_SECONDS, MIN_AGE_SECONDS, remove_blobs
from jetson_deploy.store.maintenance.in_use import file_id, find_holders
from jetson_deploy.store.maintenance.unneeded import Item, Victim, kept_blobs, needed_blobs, pinned_blobs, running_pull
from jetson_deploy.store.manifest import MANIFEST_BYTES, manifest_digest, parse_manifest


class Released(msgspec.Struct, frozen=True, kw_only=True):
    manifests: tuple[str, ...] = ()
    """`pinned/<digest>`, `kept/<digest>` and names of models, as far as they were there."""
    freed_bytes: int = 0
    waiting: str | None = None
    """Why blobs stay for the next time."""


def release(
    store: Path,
    *,
    pins: Collection[str] = (),
    kept: Collection[str] = (),
    models: Sequence[ModelName] = (),
    report: Reporter = silent,
    lock_seconds: float = LOCK_SECONDS,
) -> Released:
    """Remove pinned trees and kept manifests by their digests (64 hex digits), and tags; go on with what was begun.

    Blobs stay that another manifest or a running process needs. Raises IntegrityError `manifest-damaged` when a
    manifest cannot be read (the blobs wait), PreflightError (the store), ResourceError, LockedError.
    """
    paths = StorePaths(store.absolute())
    try:
        if not _anything_to_do(paths, pins, kept, models):
            return Released()
        for directory in (paths.temporary, paths.dropped):
            make_directories(directory, like=paths.root)
        with store_lock(paths, wait_seconds=lock_seconds, report=report, stop=threading.Event()):
            gone = [
                *(f"pinned/{digest}" for digest in pins if _drop(paths, paths.pinned / digest, f"pin-{digest}")),
                *(f"kept/{digest}" for digest in kept if _drop(paths, paths.kept / digest, f"kept-{digest}")),
                *(name.short for name in models if _drop_tag(paths, name)),
            ]
            freed, waiting = _remove_blobs(paths)
            return Released(manifests=tuple(gone), freed_bytes=freed, waiting=waiting)
    except OSError as error:
        raise store_error(error, paths.root) from error


def _anything_to_do(
    paths: StorePaths, pins: Collection[str], kept: Collection[str], models: Sequence[ModelName]
) -> bool:
    """Without a write and without the lock."""
    wanted = [*(paths.pinned / d for d in pins), *(paths.kept / d for d in kept), *(paths.manifest(m) for m in models)]
    return any(os.path.lexists(path) for path in wanted) or bool(names_in(paths.dropped))


def _drop(paths: StorePaths, manifest: Path, name: str) -> bool:
    """Safe when it returns; False: there was none. A container that has the tree mounted keeps seeing it."""
    if not os.path.lexists(manifest):
        return False
    remove_whatever(paths.dropped / name)
    manifest.rename(paths.dropped / name)
    sync_directory(paths.dropped)
    sync_directory(manifest.parent)
    return True


def _drop_tag(paths: StorePaths, name: ModelName) -> bool:
    raw, path = read_manifest(paths, name), paths.manifest(name)
    if not _drop(paths, path, f"tag-{manifest_digest(raw or name.short.encode())}"):
        return False
    remove_empty_parents(path, paths.manifests)
    return True


def _remove_blobs(paths: StorePaths) -> tuple[int, str | None]:
    """Bytes that became free, and why some blobs have to wait. Raises IntegrityError, OSError."""
    dropped = {entry: _blobs_of(paths.dropped / entry) for entry in names_in(paths.dropped)}
    files = blob_files(paths)
    mine = [file for file in files if file.is_blob and any(file.name in blobs for blobs in dropped.values())]
    in_use = find_holders({file_id(file.status): file.name for file in mine})
    needed = needed_blobs(find_manifests(paths)) | kept_blobs(paths) | pinned_blobs(paths)
    waiting = running_pull(files, MIN_AGE_SECONDS, time.time())
    victims, spared = [], set[str]()
    for file in mine:
        holder = in_use.holders.get(file_id(file.status))
        if file.name in needed:
            continue
        if waiting or holder:
            waiting = waiting or (holder.claim(f"blobs/{file.name}") if holder else None)
            spared.add(file.name)
        else:
            item = Item(path=f"blobs/{file.name}", size_bytes=file.status.st_size, why="nothing needs it any more")
            victims.append(Victim(item, (paths.blobs / file.name,)))
    remove_blobs(paths, tuple(victims))
    for entry, blobs in dropped.items():
        if not blobs & spared:
            remove_whatever(paths.dropped / entry)
    return sum(victim.item.size_bytes for victim in victims), waiting if spared else None


def _blobs_of(entry: Path) -> set[str]:
    """File names of what the manifests there needed; nothing where they cannot be read any more."""
    found: set[str] = set()
    for raw in _files(entry):
        try:
            found.update(blob.file_name for blob in parse_manifest(raw, entry.name).blobs)
        except JetsonDeployError:
            continue
    return found


def _files(entry: Path) -> Iterator[bytes]:
    tree = [entry, *entry.rglob("*")] if entry.is_dir() and not entry.is_symlink() else [entry]
    for path in tree:
        raw = read_small(path, MANIFEST_BYTES)
        if isinstance(raw, bytes):
            yield raw
