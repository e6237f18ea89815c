"""One run per deployment and host: `flock`, freed by the kernel when the holder dies.

The file names its holder, which is shown only while that very process is alive. Local and SSH runs, and
runs of several users, share it.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from jetson_deploy.errors import LockedError, PreflightError
from jetson_deploy.events import Note, Reporter, silent
from jetson_deploy.file_lock import try_lock, write_holder
from jetson_deploy.state.actor import actor
from jetson_deploy.state.lock_owner import Holder, identity, read_holder

POLL_SECONDS = 0.2
GRACE_READS = 10
_STEP_SECONDS = 0.02
"""Reads, and the time between two: another process may only read the holder, or has not yet written its identity."""
MODE = 0o666
"""Every user of the host may write an identity."""


@contextlib.contextmanager
def deployment_lock(
    directory: Path,
    name: str,
    *,
    command: str = "",
    wait: bool = False,
    report: Reporter = silent,
    sleep: Callable[[float], None] = time.sleep,
    what: str = "deployment",
) -> Iterator[None]:
    """Hold the lock of deployment `name`. Raises LockedError naming the holder; with `wait`, waits until it ends.

    `what`: for the texts, where it is not a deployment that is locked.
    """
    path = _path(directory, name)
    try:
        directory.mkdir(parents=True, exist_ok=True)
        descriptor = _opened(path)
    except OSError as error:
        raise _unusable(path, error) from error
    try:
        _take(descriptor, path, wait, report, sleep, what)
        # A full disk, or a file of another user that we may not write: then the holder is not known to others.
        with contextlib.suppress(OSError):
            write_holder(descriptor, identity(actor(command)))
        try:
            yield
        finally:
            with contextlib.suppress(OSError):  # this process may live on: it must not be shown as the holder
                write_holder(descriptor, b"")
    finally:
        os.close(descriptor)


def holder(directory: Path, name: str, sleep: Callable[[float], None] = time.sleep) -> Holder | None:
    """The present holder; None: the lock is free. Holder() when it is unknown. Never waits, changes nothing."""
    try:
        descriptor = _opened_to_read(_path(directory, name))
    except FileNotFoundError:
        return None
    except OSError:
        return Holder()
    try:
        found = Holder()
        for _ in range(GRACE_READS):
            if try_lock(descriptor, shared=True):
                return None
            found = read_holder(descriptor)
            if found.pid is not None:
                return found
            sleep(_STEP_SECONDS)
        return found
    except OSError:
        return Holder()
    finally:
        os.close(descriptor)


def _path(directory: Path, name: str) -> Path:
    return directory / f"jetson-deploy-{name}.lock"


def _opened(path: Path) -> int:
    """The file, made where it is missing. Never followed elsewhere: any user may write to /run/lock.

    Opened without O_CREAT first: in a sticky directory fs.protected_regular (Ubuntu: 2) refuses O_CREAT even to root
    when another user made the file, as a run without sudo does.
    """
    flags = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
    while True:
        try:
            return _regular(os.open(path, flags))
        except FileNotFoundError:
            pass
        except OSError as error:
            if error.errno not in (errno.EACCES, errno.EPERM, errno.EROFS):
                raise
            return _opened_to_read(path)  # enough for flock
        with contextlib.suppress(FileExistsError):
            descriptor = os.open(path, flags | os.O_CREAT | os.O_EXCL, MODE)
            with contextlib.suppress(OSError):
                os.fchmod(descriptor, MODE)  # whatever the umask
            return descriptor


def _opened_to_read(path: Path) -> int:
    return _regular(os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK))


def _regular(descriptor: int) -> int:
    """A second name of a user's file, or a device, must not be emptied."""
    found = os.fstat(descriptor)
    if stat.S_ISREG(found.st_mode) and found.st_nlink <= 1:
        return descriptor
    os.close(descriptor)
    raise OSError(errno.EINVAL, "it is no plain file with one name")


def _take(descriptor: int, path: Path, wait: bool, report: Reporter, sleep: Callable[[float], None], what: str) -> None:
    grace, reported = GRACE_READS, False
    while not _free(descriptor, path):
        found = read_holder(descriptor)
        if found.pid is None and grace:
            grace -= 1
            sleep(_STEP_SECONDS)
            continue
        if not wait:
            raise LockedError(
                f"{what} is locked by another run{found.description}",
                hint="wait for it to end, or run with --wait; the lock frees itself when that process is gone",
                code="locked",
            )
        if not reported:
            report(Note(level="info", text=f"waiting for another run of this {what}{found.description}"))
            reported = True
        sleep(POLL_SECONDS)


def _free(descriptor: int, path: Path) -> bool:
    try:
        return try_lock(descriptor)
    except OSError as error:  # a filesystem without locks
        raise _unusable(path, error) from error


def _unusable(path: Path, error: OSError) -> PreflightError:
    return PreflightError(
        f"cannot use the lock file {path}: {error.strerror}",
        hint="run with sudo, or set JETSON_DEPLOY_LOCK_DIR to a directory you may write",
        code="lock-unusable",
    )
