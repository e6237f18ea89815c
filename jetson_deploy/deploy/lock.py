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
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
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
