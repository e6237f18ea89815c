"""Adopt a store that native Ollama filled: blobs found right are recorded; nothing is copied or changed."""

from __future__ import annotations

import stat
import threading
from pathlib import Path

from jetson_deploy.errors import PreflightError
from jetson_deploy.events import Reporter
from jetson_deploy.store.disk_errors import store_error
from jetson_deploy.store.identity import VerifiedBlobs
from jetson_deploy.store.layout import StorePaths, prepare_store, set_mode_and_owner
from jetson_deploy.store.maintenance.findings import Verification
from jetson_deploy.store.maintenance.presence import check_is_store
from jetson_deploy.store.maintenance.record import record
from jetson_deploy.store.maintenance.verify import verify_store

LOCK_SECONDS = 30.0


def adopt_store(store: Path, *, report: Reporter, stop: threading.Event) -> Verification:
    """Hash what has not been hashed since it last changed, and record it. The second time reads next to nothing.

    What we make in the store belongs to the store's owner. Raises PreflightError (`store-not-there`, or the store
    cannot be written), LockedError, ResourceError, InterruptedRunError.
    """
    paths = StorePaths(store.absolute())
    check_is_store(paths)
    _prepare(paths)
    known = VerifiedBlobs(paths).known
    verification = verify_store(paths, known=known, report=report, stop=stop)
    record(paths, verification, wait_seconds=LOCK_SECONDS, stop=stop)
    try:
        _give_to_owner(paths)
    except OSError as error:
        raise store_error(error, paths.root) from error
    return verification


def _prepare(paths: StorePaths) -> None:
    try:
        prepare_store(paths.root)
    except PreflightError as error:
        raise PreflightError(
            f"it cannot be adopted: {error.message}",
            hint=f"{error.hint}; as it is, it can be verified, exported and served: jetson-deploy model --help",
            code=error.code,
        ) from error


def _give_to_owner(paths: StorePaths) -> None:
    """A server that runs as that owner may then write there too. Links are not followed."""
    for path in (paths.own, *paths.own.rglob("*")):
        status = path.lstat()
        owner = paths.root.stat()
        if not stat.S_ISLNK(status.st_mode) and (status.st_uid, status.st_gid) != (owner.st_uid, owner.st_gid):
            set_mode_and_owner(path, paths.root, stat.S_IMODE(status.st_mode))
