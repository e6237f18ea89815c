"""Room on the disk, taken before the first byte arrives, so that a download cannot fail at its end for want of it."""

from __future__ import annotations

import ctypes
import errno
import os
from pathlib import Path

_CANNOT = (errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL)


def reserve(descriptor: int, size: int) -> bool:
    """Give the file `size` bytes of room and length. False: this filesystem cannot (NFS before 4.2, FAT, FUSE).

    The system call itself: glibc's posix_fallocate, which Python offers, writes into every block where a filesystem
    cannot reserve, and that takes as long as the download. Raises OSError ENOSPC, EDQUOT, EFBIG.
    """
    if size == 0:
        return True
    result = _fallocate()(descriptor, 0, 0, size)
    number = ctypes.get_errno() if result else 0
    if number and number not in _CANNOT:
        raise OSError(number, os.strerror(number))
    if os.fstat(descriptor).st_size != size:
        os.ftruncate(descriptor, size)
    return number == 0


def allocated(path: Path) -> int:
    """Bytes of room that the file has taken already; 0 when there is none."""
    try:
        return path.stat().st_blocks * 512
    except OSError:
        return 0


def _fallocate() -> ctypes._NamedFuncPointer:
    call = ctypes.CDLL(None, use_errno=True).fallocate64
    call.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64)
    return call
