"""Take one model out of the store: the manifest first, then the blobs that no other model needs."""

from __future__ import annotations

import threading
from pathlib import Path

from jetson_deploy.errors import JetsonDeployError
from jetson_deploy.events import silent
from jetson_deploy.names import ModelName
from jetson_deploy.store.inventory import read_manifest, referenced_blobs
from jetson_deploy.store.layout import (
    StorePaths,
    make_directories,
    remove_empty_parents,
    size_on_disk,
    store_trouble,
    sync_directory,
)
from jetson_deploy.store.lock import store_lock
from jetson_deploy.store.manifest import Blob, parse_manifest

LOCK_SECONDS = 30.0


def remove_model(store: Path, name: ModelName) -> int | None:
    """Remove `name`; returns the bytes that became free, None when it was not there.

    Blobs stay when any other manifest needs them, and all of them stay when any manifest cannot be read.
    Raises PreflightError (the store), LockedError.
    """
    paths = StorePaths(store.absolute())
    if not paths.manifest(name).is_file():
        return None
    try:
        make_directories(paths.temporary)
        with store_lock(paths, wait_seconds=LOCK_SECONDS, report=silent, stop=threading.Event()):
            return _remove(paths, name)
    except OSError as error:
        raise store_trouble(error, paths.root) from error


def _remove(paths: StorePaths, name: ModelName) -> int:
    blobs = _blobs(paths, name)
    path = paths.manifest(name)
    path.unlink(missing_ok=True)
    sync_directory(path.parent)
    remove_empty_parents(path, paths.manifests)
    needed = referenced_blobs(paths)
    if needed is None:
        return 0
    return sum(_unlink(paths, blob) for blob in blobs if blob.file_name not in needed)


def _blobs(paths: StorePaths, name: ModelName) -> tuple[Blob, ...]:
    raw = read_manifest(paths, name)
    try:
        return parse_manifest(raw or b"", name.short).blobs
    except JetsonDeployError:
        return ()


def _unlink(paths: StorePaths, blob: Blob) -> int:
    size = size_on_disk(paths.blob(blob))
    paths.blob(blob).unlink(missing_ok=True)
    return size or 0
