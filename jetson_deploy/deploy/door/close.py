"""`unexpose`, and the end of the door when its deployment is taken down."""

from __future__ import annotations

import contextlib
import os

import msgspec

from jetson_deploy.deploy.door.build import check_is_root
from jetson_deploy.deploy.door.put import disk_errors, is_unsettled, keys_lock, settle
from jetson_deploy.deploy.door.remembered import remember
from jetson_deploy.deploy.run.stage import reported
from jetson_deploy.events import Reporter
from jetson_deploy.expose.door import DoorFiles
from jetson_deploy.settings import Settings
from jetson_deploy.state.lock import deployment_lock


class Closed(msgspec.Struct, frozen=True, kw_only=True, tag_field="schema", tag="jetson-deploy.unexpose/1"):
    deployment: str
    result: str
    """`done` or `no-changes`."""
    keys_kept: bool
    """With the CA: clients can use them again after the next expose."""


def unexpose(settings: Settings, deployment: str, report: Reporter, *, forget_keys: bool, wait: bool = False) -> Closed:
    """Raises PreflightError; LockedError."""
    with deployment_lock(settings.lock_dir, deployment, command="unexpose", wait=wait, report=report):
        closed = close_door(settings, deployment, report, forget_keys=forget_keys)
        if closed:
            remember(settings, deployment, "unexpose", "nothing of it listens on a network", report)
    kept = os.path.lexists(DoorFiles(settings.state_dir, deployment).key_book)
    return Closed(deployment=deployment, result="done" if closed else "no-changes", keys_kept=kept)


def close_door(settings: Settings, deployment: str, report: Reporter, *, forget_keys: bool) -> bool:
    """False: there was nothing. The caller holds the deployment's lock. Raises PreflightError, ResourceError."""
    files = DoorFiles(settings.state_dir, deployment)
    stands = files.current.is_symlink() or is_unsettled(files)
    if not stands and not (forget_keys and files.folder.is_dir()):
        return False
    check_is_root()
    with reported(report, "close-door", f"closing the door of {deployment!r}"), disk_errors(files):
        files.current.unlink(missing_ok=True)  # from here on no boot starts it, whatever becomes of this run
        settle(settings, files, report)
        if forget_keys:
            with keys_lock(settings, deployment):
                _forget(files)
    return True


def _forget(files: DoorFiles) -> None:
    """What others put there stays. Raises OSError."""
    for path in (files.ca, files.ca_key, files.key_book):
        path.unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        files.folder.rmdir()
