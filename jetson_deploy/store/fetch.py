"""One model from its registry, or from mirrors of it, into the store.

The manifest says what belongs to the model: pinned by its digest, or as the registry has it now. The bytes may come
from anywhere, since their hashes decide.
"""

from __future__ import annotations

import contextlib
import re
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from jetson_deploy.errors import IntegrityError, JetsonDeployError, UsageError
from jetson_deploy.events import Note, Reporter
from jetson_deploy.names import ModelName, check_registry_address, shown
from jetson_deploy.store.disk_errors import store_error
from jetson_deploy.store.interrupt import Ending
from jetson_deploy.store.kept import manifest_here
from jetson_deploy.store.layout import StorePaths, prepare_store
from jetson_deploy.store.lock import store_lock
from jetson_deploy.store.manifest import manifest_digest
from jetson_deploy.store.place import check_name
from jetson_deploy.store.remote.errors import PassingError, WrongContent
from jetson_deploy.store.remote.login import read_login
from jetson_deploy.store.remote.registry import Registry, registry_of
from jetson_deploy.store.remote.retry import Retry
from jetson_deploy.store.transfer.bring import FetchResult, bring_model
from jetson_deploy.store.transfer.pace import Pace

__all__ = ["FetchResult", "fetch_model"]

LOCK_SECONDS = 24 * 3600.0
"""Another run may be fetching 43 GB over a poor link; when it dies its lock is free."""


def fetch_model(
    name: ModelName,
    *,
    store: Path,
    registry: str,
    expected_digest: str | None,
    report: Reporter,
    stop: threading.Event,
    mirrors: Sequence[str] = (),
    credentials: Path | None = None,
    pace: Pace | None = None,
    stall_seconds: float = 60.0,
    lock_seconds: float = LOCK_SECONDS,
    sleep: Callable[[float], object] | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> FetchResult:
    """Fetch what is missing of `name` and put its manifest in place.

    `expected_digest` pins the manifest (64 hex digits); None takes what the registry has. With the pinned
    manifest and all blobs here, no registry is asked. `mirrors` (URLs) are asked before the registry, for blobs and
    for a pinned manifest. `credentials`: see `login`. Waits `lock_seconds` at most for another run on the same store.
    Setting `stop` ends the call within a moment; what arrived is on record.

    Raises NetworkError, IntegrityError (model-tag-moved, blob-corrupt, manifest-damaged), ResourceError
    (disk-full), PreflightError (the store), LockedError, InterruptedRunError, UsageError.
    """
    addresses = [*(check_registry_address(m) for m in mirrors), registry_of(name, registry)]
    logins = [read_login(credentials, address) for address in addresses]
    pinned = _pinned(expected_digest)
    paths = prepare_store(store)
    ending = Ending(stop)
    try:
        with contextlib.ExitStack() as held:
            held.enter_context(store_lock(paths, wait_seconds=lock_seconds, report=report, stop=stop))
            registries = [
                held.enter_context(Registry(name, login.address, stall_seconds=stall_seconds, stop=ending, login=login))
                for login in logins
            ]
            check_name(paths, name)
            raw = _Manifests(name, registries, report, ending, sleep or ending.wait).find(paths, pinned)
            return bring_model(
                paths, name, raw, registries, report=report, stop=ending, pace=pace, sleep=sleep, clock=clock
            )
    except OSError as error:
        raise store_error(error, paths.root) from error


def _pinned(digest: str | None) -> str | None:
    if digest is None:
        return None
    bare = digest.removeprefix("sha256:")
    if not re.fullmatch(r"[0-9a-f]{64}", bare):
        raise UsageError(
            f"{shown(digest)} is not a manifest's digest", hint="give all 64 hex digits", code="bad-digest"
        )
    return bare


class _Manifests:
    """Where the manifest comes from."""

    def __init__(
        self,
        name: ModelName,
        registries: list[Registry],
        report: Reporter,
        stop: threading.Event,
        sleep: Callable[[float], object],
    ) -> None:
        self._name, self._registries = name, registries
        self._report, self._stop, self._sleep = report, stop, sleep

    def find(self, paths: StorePaths, pinned: str | None) -> bytes:
        """The pinned one where it is here, under its tag or apart from it, else a mirror's, else the registry's."""
        if pinned is not None and (here := manifest_here(paths, self._name, pinned)) is not None:
            return here
        if pinned is not None and (raw := self._from_mirrors(pinned)) is not None:
            return raw
        origin = self._registries[-1]
        raw = Retry(self._name, origin.address, self._report, self._stop, self._sleep).of(
            "the manifest", origin.manifest
        )
        if pinned is not None and manifest_digest(raw) != pinned:
            raise IntegrityError(
                f"{self._name.short} at {origin.address} is now {manifest_digest(raw)}, pinned is {pinned}",
                hint="the tag was moved: update jetson-deploy, or accept it (model fetch --accept-new-digest)",
                code="model-tag-moved",
            )
        return raw

    def _from_mirrors(self, pinned: str) -> bytes | None:
        for mirror in self._registries[:-1]:
            with contextlib.suppress(PassingError, WrongContent, JetsonDeployError):
                raw = mirror.manifest()
                if manifest_digest(raw) == pinned:
                    return raw
            if self._stop.is_set():
                return None
            text = f"mirror {mirror.address} has no {self._name.short} with the pinned digest"
            self._report(Note(level="info", text=text))
        return None
