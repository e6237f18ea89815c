"""`flock` on an open file: one holder at a time, freed by the kernel when it dies. Nothing here waits.

What differs stays with whoever locks: how the file is opened (the deployment's lies in a directory of all users, the
others beside what they guard), whether to wait for the holder, and what the refusal says.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

_PID_BYTES = 20


def try_lock(descriptor: int, *, shared: bool = False) -> bool:
    """Take it until the descriptor is closed; False: another holds it. Raises OSError: no locks on that file system."""
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def is_locked(path: Path) -> bool:
    """Another program holds it. A file that is not there is held by none. Raises OSError."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        return not try_lock(descriptor)
    finally:
        os.close(descriptor)


def write_holder(descriptor: int, identity: bytes) -> None:
    """What others shall read of the holder; empty: nothing. Raises OSError."""
    os.ftruncate(descriptor, 0)
    if identity:
        os.pwrite(descriptor, identity, 0)


def write_pid(descriptor: int) -> None:
    """As `write_holder`."""
    write_holder(descriptor, f"{os.getpid()}\n".encode())


def read_pid(descriptor: int) -> int | None:
    """What `write_pid` wrote; None: nothing of the kind. Raises OSError."""
    text = os.pread(descriptor, _PID_BYTES, 0).strip()
    return int(text) if text.isdigit() else None
