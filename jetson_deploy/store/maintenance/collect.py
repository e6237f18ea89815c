"""Prune the store so that a kill or a power cut at any moment leaves every model as it was."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import msgspec

from jetson_deploy.events import Reporter
from jetson_deploy.store.disk_errors import store_error
from jetson_deploy.store.identity import VerifiedBlobs
from jetson_deploy.store.layout import StorePaths, make_directories, sync_directory
from jetson_deploy.store.lock import store_lock
from jetson_deploy.store.maintenance.presence import check_has_manifests
from jetson_deploy.store.maintenance.unneeded import Item, Unneeded, Victim, find_unneeded

LOCK_SECONDS = 5.0
MIN_AGE_SECONDS = 3600
"""Blobs of a model that another process is fetching at this moment are here before its manifest."""


class Collected(msgspec.Struct, frozen=True, kw_only=True, tag_field="schema", tag="jetson-deploy.collect/1"):
    store: str
    result: Literal["done", "no-changes", "dry-run"]
    removed: tuple[Item, ...]
    """In a dry run: what would be."""
    freed_bytes: int
    kept: tuple[Item, ...]
    """No model needs it, but it stays."""
    foreign: tuple[str, ...]
    """In `blobs/`, and no blobs: untouched."""
    notes: tuple[str, ...]


def collect(
    store: Path,
    *,
    kept: frozenset[str] | None,
    min_age_seconds: float = MIN_AGE_SECONDS,
    dry_run: bool,
    report: Reporter,
    stop: threading.Event,
    now: Callable[[], float] = time.time,
    lock_seconds: float = LOCK_SECONDS,
) -> Collected:
    """`kept`: digests (64 hex digits) of the manifests that deployments may go back to; None: of all that are kept.

    Raises IntegrityError `manifest-damaged` when any manifest cannot be read: what is needed is then unknown.
    Raises PreflightError (the store), LockedError.
    """
    paths = StorePaths(store.absolute())
    check_has_manifests(paths)
    try:
        if dry_run:
            return _result(paths, find_unneeded(paths, kept, min_age_seconds, now()), dry_run=True)
        make_directories(paths.temporary, like=paths.root)
        with store_lock(paths, wait_seconds=lock_seconds, report=report, stop=stop):
            unneeded = find_unneeded(paths, kept, min_age_seconds, now())
            _remove(paths, unneeded)
            return _result(paths, unneeded, dry_run=False)
    except OSError as error:
        raise store_error(error, paths.root) from error


def _remove(paths: StorePaths, unneeded: Unneeded) -> None:
    """Manifests before the blobs that only they need; each is safe on the disk before the next. Raises OSError."""
    remove_files(unneeded.manifests, paths.kept)
    remove_blobs(paths, unneeded.blobs)
    remove_files(unneeded.downloads, paths.partial)


def remove_blobs(paths: StorePaths, blobs: tuple[Victim, ...]) -> None:
    """No manifest may need them any more. Raises OSError."""
    remove_files(blobs, paths.blobs)
    if blobs:
        VerifiedBlobs(paths).settle({}, [path.name for blob in blobs for path in blob.paths])


def remove_files(victims: tuple[Victim, ...], directory: Path) -> None:
    for victim in victims:
        for path in victim.paths:
            path.unlink(missing_ok=True)
    if victims:
        sync_directory(directory)


def _result(paths: StorePaths, unneeded: Unneeded, *, dry_run: bool) -> Collected:
    items = tuple(victim.item for victim in unneeded.victims)
    done: Literal["done", "no-changes"] = "done" if items else "no-changes"
    return Collected(
        store=str(paths.root),
        result="dry-run" if dry_run else done,
        removed=items,
        freed_bytes=sum(item.size_bytes for item in items),
        kept=unneeded.spared,
        foreign=unneeded.foreign,
        notes=unneeded.notes,
    )
