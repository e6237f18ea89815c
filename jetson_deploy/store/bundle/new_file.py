"""A file that appears whole or not at all, wherever the user wants it: written beside its name, then renamed."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from jetson_deploy.errors import JetsonDeployError, LockedError, PreflightError, ResourceError, UsageError
from jetson_deploy.file_lock import try_lock
from jetson_deploy.store.disk_errors import free_bytes, is_full
from jetson_deploy.store.layout import sync_directory

_NO_LOCKS = (errno.ENOLCK, errno.EOPNOTSUPP, errno.EINVAL)


@contextlib.contextmanager
def new_file(path: Path, *, size: int, replace: bool) -> Iterator[int]:
    """A descriptor to write `size` bytes to; `path` has them when the block ends well, and is untouched otherwise.

    What a killed run left is taken over. Every OSError of the block counts as one of this file. Raises UsageError
    (file-exists, file-not-regular), LockedError, ResourceError (disk-full, file-too-large), PreflightError.
    """
    temporary = path.with_name(f".{path.name}.part")
    try:
        _check_target(path, replace)
        with _locked(temporary) as descriptor:
            try:
                _check_room(path, size)
                yield descriptor
                os.fsync(descriptor)
                _check_target(path, replace)
                temporary.replace(path)
            except BaseException:
                temporary.unlink(missing_ok=True)
                raise
            sync_directory(path.parent)
    except OSError as error:
        raise _trouble(path, error, size) from error


def _check_target(path: Path, replace: bool) -> None:
    try:
        status = path.stat()
    except FileNotFoundError:
        return
    if not stat.S_ISREG(status.st_mode):
        raise UsageError(
            f"{path} is there and is not a regular file",
            hint="give a file's name; `-` writes to standard output",
            code="file-not-regular",
        )
    if not replace:
        raise UsageError(
            f"{path} exists already", hint="--force replaces it once the new one is whole", code="file-exists"
        )


@contextlib.contextmanager
def _locked(temporary: Path) -> Iterator[int]:
    """The empty file, ours alone until the block ends."""
    while True:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o666)
        try:
            _lock(descriptor, temporary)
            # Another run may have renamed it between our open and our lock: it is the finished file then.
            if _is_still(temporary, descriptor):
                os.ftruncate(descriptor, 0)
                yield descriptor
                return
        finally:
            os.close(descriptor)


def _lock(descriptor: int, temporary: Path) -> None:
    try:
        locked = try_lock(descriptor)
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
        return
    if not locked:
        raise LockedError(
            f"another run is writing {temporary}",
            hint="wait for it to end, or choose another file",
            code="file-locked",
        )


def _is_still(temporary: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(temporary.lstat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _check_room(path: Path, size: int) -> None:
    if free_bytes(path.parent) < size:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _trouble(path: Path, error: OSError, size: int) -> JetsonDeployError:
    if is_full(error):
        return ResourceError(
            f"not enough room for {path}: need {size} bytes, have {_free(path)}",
            hint="free room there, or write it to another disk",
            code="disk-full",
        )
    if error.errno == errno.EFBIG:
        return ResourceError(
            f"the filesystem of {path} cannot hold a file of {size} bytes",
            hint="FAT32 ends at 4 GiB: use ext4 or exFAT, or write to `-` and split it",
            code="file-too-large",
        )
    return PreflightError(
        f"{path} cannot be written: {error.strerror}",
        hint="its directory must exist, on a disk that can be written, and you may need sudo",
        code="file-not-writable",
    )


def _free(path: Path) -> str:
    try:
        return f"{free_bytes(path.parent)} bytes"
    except OSError:
        return "an unknown amount"
