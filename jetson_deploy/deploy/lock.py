"""One run per deployment and host: `flock`, freed by the kernel when the holder dies."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from jetson_deploy.errors import LockedError, PreflightError


@contextlib.contextmanager
def deployment_lock(directory: Path, name: str) -> Iterator[None]:
    """Hold the lock of deployment `name`. Raises LockedError naming the holder."""
    path = directory / f"jetson-deploy-{name}.lock"
    try:
        directory.mkdir(parents=True, exist_ok=True)
        descriptor = _opened(path)
    except OSError as error:
        raise PreflightError(
            f"cannot open the lock file {path}: {error.strerror}",
            hint="run with sudo, or set JETSON_DEPLOY_LOCK_DIR to a directory you may write",
            code="lock-unusable",
        ) from error
    try:
        _take(descriptor, path)
        yield
    finally:
        os.close(descriptor)


def _opened(path: Path) -> int:
    """The file, made where it is missing. Never followed elsewhere: /run/lock is everybody's.

    Opened without O_CREAT first: in a sticky directory fs.protected_regular (Ubuntu: 2) refuses O_CREAT even to root
    when another user made the file, as a run without sudo does.
    """
    flags = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW
    while True:
        with contextlib.suppress(FileNotFoundError):
            return os.open(path, flags)
        with contextlib.suppress(FileExistsError):
            return os.open(path, flags | os.O_CREAT | os.O_EXCL, 0o644)


def _take(descriptor: int, path: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.pread(descriptor, 200, 0).decode(errors="replace").strip() or "unknown"
        raise LockedError(
            f"another run holds this deployment (pid {holder})",
            hint="wait for it to end; the lock frees itself when that process is gone",
            code="locked",
        ) from None
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
