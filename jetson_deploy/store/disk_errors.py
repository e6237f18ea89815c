"""A failed file operation in the store: its error, exit code and fix."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from jetson_deploy.errors import JetsonDeployError, PreflightError, ResourceError

_FULL = (errno.ENOSPC, errno.EDQUOT)
_GONE = (errno.EIO, errno.ENODEV, errno.ENXIO, errno.ESTALE, errno.ENOTCONN)


def free_bytes(path: Path) -> int:
    """Bytes that we may still write (f_bavail)."""
    figures = os.statvfs(path)
    return figures.f_bavail * figures.f_frsize


def is_full(error: BaseException) -> bool:
    """The disk or the quota is full."""
    return isinstance(error, OSError) and error.errno in _FULL


def store_error(error: OSError, store: Path) -> JetsonDeployError:
    """The error for a failed file operation in the store."""
    where = error.filename or store
    if is_full(error):
        return disk_full(store, None)
    if error.errno == errno.EFBIG:
        return ResourceError(
            f"the filesystem of {store} cannot hold a file of that size",
            hint="FAT32 ends at 4 GiB: put the store on ext4 with --store DIR",
            code="file-too-large",
        )
    cause, hint, code = _cause(error, store)
    return PreflightError(f"the store {store} {cause} ({where}: {error.strerror})", hint=hint, code=code)


def _cause(error: OSError, store: Path) -> tuple[str, str, str]:
    other = "or use another directory with --store DIR"
    if error.errno == errno.EROFS:
        return "is on a read-only filesystem", f"remount it writable, {other}", "store-read-only"
    if error.errno in (errno.ENOTDIR, errno.EEXIST):
        return "is not a directory", f"move the file away, {other}", "store-not-a-directory"
    if error.errno == errno.EXDEV:
        return "is spread over two filesystems", f"put blobs and manifests on one, {other}", "store-split"
    if error.errno in _GONE:
        return "is gone: its disk does not answer", f"check the disk (dmesg), mount it again, {other}", "store-gone"
    return "cannot be written", f"run with sudo, {other}", "store-not-writable"


def disk_full(store: Path, need: int | None) -> ResourceError:
    """`need`: bytes that were still to be written, where that is known."""
    try:
        have = f"{free_bytes(next(place for place in (store, *store.parents) if place.exists()))} bytes"
    except OSError:
        have = "an unknown amount"
    wanted = f"need {need} bytes" if need is not None else "the disk or the quota is full"
    return ResourceError(
        f"not enough room in the store {store}: {wanted}, have {have}",
        hint="free room (jetson-deploy model prune), or use another disk with --store DIR; downloaded data is kept",
        code="disk-full",
    )
