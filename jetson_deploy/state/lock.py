"""One run per deployment and host: `flock`, freed by the kernel when the holder dies.

The file tells who holds it; what it tells is shown only when that very process is alive. Local and SSH runs, and
runs of several users, share it.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from jetson_deploy.errors import LockedError, PreflightError
from jetson_deploy.events import Note, Reporter, silent
from jetson_deploy.state.actor import actor
from jetson_deploy.state.lock_owner import Holder, identity, read_holder

POLL_SECONDS = 0.2
GRACE_SECONDS = 0.2
"""So long somebody may look (`holder`), or have taken it and not yet written who he is."""
_STEP_SECONDS = 0.02
MODE = 0o666
"""Every user of the host may write who he is."""


@contextlib.contextmanager
def deployment_lock(
    directory: Path,
    name: str,
    *,
    verb: str = "",
    wait: bool = False,
    report: Reporter = silent,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[None]:
    """Hold the lock of deployment `name`. Raises LockedError naming the holder; with `wait`, waits until it ends."""
    path = _path(directory, name)
    try:
        directory.mkdir(parents=True, exist_ok=True)
        descriptor = _opened(path)
    except OSError as error:
        raise _unusable(path, error) from error
    try:
        _take(descriptor, path, wait, report, sleep)
        # A full disk, or a file of another user that we may not write: then the holder is not known to others.
        with contextlib.suppress(OSError):
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, identity(actor(verb)), 0)
        try:
            yield
        finally:
            with contextlib.suppress(OSError):  # this process may live on: it must not be shown as the holder
                os.ftruncate(descriptor, 0)
    finally:
        os.close(descriptor)


def holder(directory: Path, name: str) -> Holder | None:
    """Who holds it now; None: nobody. Holder() when that cannot be told. Never waits, changes nothing."""
    try:
        descriptor = _opened_to_read(_path(directory, name))
    except FileNotFoundError:
        return None
    except OSError:
        return Holder()
    try:
        deadline = time.monotonic() + GRACE_SECONDS
        while not _try(descriptor, fcntl.LOCK_SH):
            found = read_holder(descriptor)
            if found.pid is not None or time.monotonic() > deadline:
                return found
            time.sleep(_STEP_SECONDS)
        return None
    except OSError:
        return Holder()
    finally:
        os.close(descriptor)


def _path(directory: Path, name: str) -> Path:
    return directory / f"jetson-deploy-{name}.lock"


def _opened(path: Path) -> int:
    """The file, made where it is missing. Never followed elsewhere: /run/lock is everybody's.

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
    """A second name of somebody's file, or a device, must not be emptied."""
    found = os.fstat(descriptor)
    if stat.S_ISREG(found.st_mode) and found.st_nlink <= 1:
        return descriptor
    os.close(descriptor)
    raise OSError(errno.EINVAL, "it is no plain file with one name")


def _take(descriptor: int, path: Path, wait: bool, report: Reporter, sleep: Callable[[float], None]) -> None:
    deadline = time.monotonic() + GRACE_SECONDS
    told = False
    while not _free(descriptor, path):
        found = read_holder(descriptor)
        if found.pid is None and time.monotonic() < deadline:
            sleep(_STEP_SECONDS)
            continue
        if not wait:
            raise LockedError(
                f"deployment is locked by another run{found.told}",
                hint="wait for it to end, or run with --wait; the lock frees itself when that process is gone",
                code="locked",
            )
        if not told:
            report(Note(level="info", text=f"waiting for another run of this deployment{found.told}"))
            told = True
        sleep(POLL_SECONDS)


def _free(descriptor: int, path: Path) -> bool:
    try:
        return _try(descriptor, fcntl.LOCK_EX)
    except OSError as error:  # a filesystem without locks
        raise _unusable(path, error) from error


def _try(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _unusable(path: Path, error: OSError) -> PreflightError:
    return PreflightError(
        f"cannot use the lock file {path}: {error.strerror}",
        hint="run with sudo, or set JETSON_DEPLOY_LOCK_DIR to a directory you may write",
        code="lock-unusable",
    )
