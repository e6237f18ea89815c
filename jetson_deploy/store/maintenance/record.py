"""The record of verifications: blobs found right are not hashed again, blobs found wrong are not used."""

from __future__ import annotations

import threading

from jetson_deploy.errors import JetsonDeployError
from jetson_deploy.events import silent
from jetson_deploy.store.disk_errors import store_error
from jetson_deploy.store.identity import VerifiedBlobs
from jetson_deploy.store.layout import StorePaths, make_directories
from jetson_deploy.store.lock import store_lock
from jetson_deploy.store.maintenance.findings import Verification


def record(paths: StorePaths, verification: Verification, *, wait_seconds: float, stop: threading.Event) -> None:
    """Raises LockedError, PreflightError, ResourceError, InterruptedRunError."""
    try:
        make_directories(paths.temporary, like=paths.root)
        with store_lock(paths, wait_seconds=wait_seconds, report=silent, stop=stop):
            VerifiedBlobs(paths).settle(verification.right, verification.wrong)
    except OSError as error:
        raise store_error(error, paths.root) from error


def record_if_possible(paths: StorePaths, verification: Verification) -> str | None:
    """As `record`, at once or not at all; why not, in words, or None."""
    try:
        record(paths, verification, wait_seconds=0, stop=threading.Event())
    except JetsonDeployError as error:
        return error.message
    return None
