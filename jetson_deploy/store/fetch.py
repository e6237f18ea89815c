"""Bring one model into the store: blobs first, hashed, the manifest last.

A valid blob is never fetched again. Blobs come one after the other and a cut blob starts anew.
"""

from __future__ import annotations

import contextlib
import os
import re
import threading
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from jetson_deploy.errors import IntegrityError, UsageError
from jetson_deploy.events import Note, Reporter
from jetson_deploy.names import ModelName, shown
from jetson_deploy.store import blobs
from jetson_deploy.store.identity import VerifiedBlobs
from jetson_deploy.store.interrupt import check_stop
from jetson_deploy.store.inventory import read_manifest
from jetson_deploy.store.layout import (
    FILE_MODE,
    StorePaths,
    disk_full,
    free_bytes,
    make_directories,
    prepare_store,
    remove_empty_parents,
    store_trouble,
    sync_directory,
)
from jetson_deploy.store.lock import store_lock
from jetson_deploy.store.manifest import Blob, manifest_digest, parse_manifest
from jetson_deploy.store.meter import Meter
from jetson_deploy.store.registry import Registry, registry_of
from jetson_deploy.store.retry import Retry

LOCK_SECONDS = 600.0


class FetchResult(msgspec.Struct, frozen=True, kw_only=True):
    manifest_digest: str
    """64 hex digits."""
    fetched_bytes: int
    """Blobs that came from the registry."""
    reused_bytes: int
    """Blobs that were here and right."""
    was_here: bool
    """The store had a manifest of this name before, whole or not."""


def fetch_model(
    name: ModelName,
    *,
    store: Path,
    registry: str,
    expected_digest: str | None,
    report: Reporter,
    stop: threading.Event,
    stall_seconds: float = 60.0,
    lock_seconds: float = LOCK_SECONDS,
    sleep: Callable[[float], object] | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> FetchResult:
    """Fetch what is missing of `name` and put its manifest in place.

    `expected_digest` pins the manifest (64 hex digits); None takes what the registry has. With the pinned
    manifest and all blobs here, the registry is not asked. Another run on the same store is waited for,
    `lock_seconds` at most. Setting `stop` ends the call within a moment, finished blobs stay.

    Raises NetworkError, IntegrityError (model-tag-moved, blob-corrupt, manifest-damaged), ResourceError
    (disk-full), PreflightError (the store), LockedError, InterruptedRunError, UsageError.
    """
    address = registry_of(name, registry)
    pinned = _pinned(expected_digest)
    paths = prepare_store(store)
    try:
        with (
            store_lock(paths, wait_seconds=lock_seconds, report=report, stop=stop),
            Registry(name, address, stall_seconds=stall_seconds, stop=stop) as source,
        ):
            retry = Retry(name, address, report, stop, sleep)
            return _Fetch(name, paths, source, retry, report, stop).run(pinned, clock)
    except OSError as error:
        raise store_trouble(error, paths.root) from error


def _pinned(digest: str | None) -> str | None:
    if digest is None:
        return None
    bare = digest.removeprefix("sha256:")
    if not re.fullmatch(r"[0-9a-f]{64}", bare):
        raise UsageError(
            f"{shown(digest)} is not a manifest's digest", hint="give all 64 hex digits", code="bad-digest"
        )
    return bare


class _Fetch:
    """One fetch; the store's lock is held."""

    def __init__(
        self,
        name: ModelName,
        paths: StorePaths,
        source: Registry,
        retry: Retry,
        report: Reporter,
        stop: threading.Event,
    ) -> None:
        self._name, self._paths, self._source, self._retry = name, paths, source, retry
        self._report, self._stop = report, stop
        self._verified = VerifiedBlobs(paths)
        self._aside: dict[str, Path] = {}

    def run(self, pinned: str | None, clock: Callable[[], float]) -> FetchResult:
        here = read_manifest(self._paths, self._name)
        raw = self._manifest(here, pinned)
        manifest = parse_manifest(raw, self._name.short)
        meter = Meter(f"model {self._name.short}", manifest.total_bytes, self._report, clock)
        missing = [blob for blob in manifest.blobs if not self._is_right(blob, meter)]
        reused = meter.done
        self._check_room(missing)
        meter.phase("fetching")
        meter.tell()
        for blob in missing:
            self._fetch(blob, meter)
        self._place_manifest(raw)
        meter.tell()
        return FetchResult(
            manifest_digest=manifest_digest(raw),
            fetched_bytes=sum(blob.size for blob in missing),
            reused_bytes=reused,
            was_here=here is not None,
        )

    def _manifest(self, here: bytes | None, pinned: str | None) -> bytes:
        if here is not None and manifest_digest(here) == pinned:
            return here
        raw = self._retry.of("the manifest", self._source.manifest)
        if pinned is not None and manifest_digest(raw) != pinned:
            raise IntegrityError(
                f"{self._name.short} at {self._source.address} is now {manifest_digest(raw)}, pinned is {pinned}",
                hint="the tag was moved: update jetson-deploy, or accept the new digest in a catalog overlay",
                code="model-tag-moved",
            )
        return raw

    def _is_right(self, blob: Blob, meter: Meter) -> bool:
        check_stop(self._stop)
        problem = blobs.what_is_wrong(self._paths, blob, self._verified, meter, self._stop)
        if problem is None:
            return True
        if problem != "absent":
            self._report(Note(level="warning", text=f"{blob.file_name} in the store is wrong: {problem}; fetching it"))
            self._aside[blob.digest] = blobs.move_aside(self._paths, blob)
        return False

    def _check_room(self, missing: list[Blob]) -> None:
        """Before the first byte. Wrong blobs that were moved aside give their room back when it is short."""
        need = sum(blob.size for blob in missing)
        if free_bytes(self._paths.root) < need:
            for digest in list(self._aside):
                self._drop_aside(digest)
        if free_bytes(self._paths.root) < need:
            raise disk_full(self._paths.root, need)

    def _drop_aside(self, digest: str) -> None:
        aside = self._aside.pop(digest, None)
        if aside is not None:
            aside.unlink(missing_ok=True)

    def _fetch(self, blob: Blob, meter: Meter) -> None:
        self._retry.of(f"blob {blob.digest}", lambda: blobs.receive(self._source, self._paths, blob, meter))
        self._verified.add(blob)
        self._drop_aside(blob.digest)

    def _place_manifest(self, raw: bytes) -> None:
        check_stop(self._stop)
        if read_manifest(self._paths, self._name) == raw:
            return
        final = self._paths.manifest(self._name)
        temporary = self._paths.temporary / f"manifest-{os.getpid()}-{threading.get_ident()}"
        with temporary.open("xb") as file:
            file.write(raw)
            file.flush()
            os.fchmod(file.fileno(), FILE_MODE)
            os.fsync(file.fileno())
        try:
            make_directories(final.parent)
            temporary.replace(final)
        except OSError:
            with contextlib.suppress(OSError):
                temporary.unlink()
            remove_empty_parents(final, self._paths.manifests)
            raise
        sync_directory(final.parent)
