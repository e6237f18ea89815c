"""One version of a door brought to the network and kept, or what stood before brought back: `expose` and whatever
changes the deployment behind it do it in this way.

HAProxy reads a version through a link in memory; a link on the disk says which one was proven. A kill or a power cut
leaves the disk's link as it was until the one rename that commits, and `settle` makes HAProxy follow it again.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from jetson_deploy.errors import JetsonDeployError, PreflightError, ResourceError
from jetson_deploy.events import Note, Reporter
from jetson_deploy.expose import unit
from jetson_deploy.expose.door import DoorFiles, DoorVersion, Exposed, unit_of
from jetson_deploy.expose.haproxy_config import error_files, render
from jetson_deploy.expose.key_store import write_map
from jetson_deploy.expose.keys import Key
from jetson_deploy.expose.program import Program
from jetson_deploy.expose.record import save_record
from jetson_deploy.expose.versions import (
    committed,
    new_version,
    others,
    remove_others,
    run_with,
    run_with_none,
    runs_with,
)
from jetson_deploy.settings import Settings
from jetson_deploy.state.lock import deployment_lock
from jetson_deploy.store.whole_file import PRIVATE_MODE, replace_whole
from jetson_deploy.systemd.units import systemctl


@contextlib.contextmanager
def keys_lock(settings: Settings, deployment: str) -> Iterator[None]:
    """A lock of its own: a deployment that is being changed for an hour must not keep a key from being revoked.

    Whoever lets HAProxy read the keys' file holds it too: a key that is revoked at that moment would live on.
    """
    with deployment_lock(settings.lock_dir, f"{deployment}.keys", command="key", wait=True, what="list of keys"):
        yield


def write_version(files: DoorFiles, exposed: Exposed, pem: bytes, program: Program) -> DoorVersion:
    """Beside the one that serves. Raises PreflightError; InternalError where haproxy refuses what was rendered."""
    with disk_errors(files):
        version = new_version(files)
        replace_whole(version.pem, pem, mode=PRIVATE_MODE)
        for name, content in error_files().items():
            replace_whole(version.error_files / name, content)
        replace_whole(version.config, render(exposed.door, files, version).encode(), mode=PRIVATE_MODE)
        save_record(version, exposed)
        if not files.keys.exists():
            replace_whole(files.keys, b"", mode=PRIVATE_MODE)
    program.check(version.config)
    return version


def let_haproxy_read(settings: Settings, files: DoorFiles, version: DoorVersion, *more: Key) -> None:
    """Started or reloaded, with the clients' keys and `more`. Raises PreflightError, ResourceError."""
    with keys_lock(settings, files.deployment), disk_errors(files):
        write_map(files, *more)
        run_with(files, version)
        if unit.is_active(files):
            unit.take_over(files)
        else:
            unit.start(files.deployment)


def settle(settings: Settings, files: DoorFiles, report: Reporter) -> bool:
    """The door that was proven stands, or none; False: it was so. The deployment's lock is held.

    Raises JetsonDeployError; HAProxy is stopped then, as it may run with what was not proven.
    """
    with disk_errors(files):
        kept = committed(files)
        if not _is_unsettled(files, kept):
            return False
        try:
            if kept is None:
                unit.remove(files, report)
                run_with_none(files)
                files.keys.unlink(missing_ok=True)
            else:
                _bring_back(settings, files, kept)
        except JetsonDeployError:
            with contextlib.suppress(JetsonDeployError):
                systemctl("stop", unit_of(files.deployment))
            raise
        remove_others(files, kept)
        return True


def settle_interrupted(settings: Settings, deployment: str, report: Reporter) -> None:
    """Before a command that changes something. Raises as `settle`."""
    files = DoorFiles(settings.state_dir, deployment)
    if settle(settings, files, report):
        stands = "the door that was proven stands" if files.current.is_symlink() else "nothing is exposed"
        report(Note(level="warning", text=f"a run that changed the door to the network did not end: {stands}"))


def settle_or_report(settings: Settings, deployment: str, report: Reporter) -> None:
    """For `recover`: a door that fails must not keep the server behind it from being brought back. Raises nothing."""
    try:
        settle_interrupted(settings, deployment, report)
    except JetsonDeployError as error:
        text = f"the door to the network is not as it was proven: {error.message}; {error.hint}"
        report(Note(level="warning", text=text))


def is_unsettled(files: DoorFiles) -> bool:
    """A run that changed the door is under way, or died."""
    try:
        return _is_unsettled(files, committed(files))
    except OSError:
        return False  # an other user than root may not look


def _bring_back(settings: Settings, files: DoorFiles, kept: DoorVersion) -> None:
    if unit.is_active(files) and not runs_with(files, kept):
        let_haproxy_read(settings, files, kept)
    if not unit.is_enabled(files):
        unit.enable(files.deployment)


def _is_unsettled(files: DoorFiles, kept: DoorVersion | None) -> bool:
    if others(files, kept):
        return True
    if kept is None:
        return unit.is_active(files) or unit.is_enabled(files)
    if unit.is_active(files) and not runs_with(files, kept):
        return True
    return not unit.is_enabled(files)


@contextlib.contextmanager
def disk_errors(files: DoorFiles) -> Iterator[None]:
    """OSError → PreflightError `door-not-written`, ResourceError `no-space`."""
    try:
        yield
    except PermissionError as error:
        raise PreflightError(
            f"cannot write {error.filename or files.folder}: {error.strerror}",
            hint="run with sudo",
            code="door-not-written",
        ) from error
    except OSError as error:
        raise ResourceError(
            f"cannot write {error.filename or files.folder}: {error.strerror}",
            hint=f"free space there (df -h {files.state_dir})",
            code="no-space",
        ) from error
