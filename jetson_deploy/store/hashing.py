"""Hash many files at the speed of the disk or of all cores, whichever ends first, in little memory."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import stat
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec

from jetson_deploy.store.identity import Identity, identity_in
from jetson_deploy.store.interrupt import Ending, check_stop

READ_BYTES = 1 << 20
"""Large enough that the threads seldom meet at the interpreter's lock, small enough for a core's own cache."""


class Hashed(msgspec.Struct, frozen=True, kw_only=True):
    """`sha256` and `identity` are None when the file could not be read to its end; `problem` then says why."""

    sha256: str | None = None
    """64 hex digits."""
    identity: Identity | None = None
    """From before the first byte was read."""
    changed: bool = False
    """Another process wrote to it meanwhile: what was read is no file that ever was."""
    problem: str | None = None


def cores() -> int:
    """That this process may use."""
    return len(os.sched_getaffinity(0))


def hash_in_parallel(
    files: Iterable[tuple[Path, int]],
    advance: Callable[[int], None],
    stop: threading.Event,
    *,
    workers: int | None = None,
) -> dict[Path, Hashed]:
    """One thread per core, the largest file first: so none is left alone with it at the end.

    `files`: path and size. `advance` gets the bytes read, one thread at a time. Raises InterruptedRunError soon
    after `stop` is set, and ends as soon on Ctrl-C.
    """
    largest_first = [path for path, _ in sorted(files, key=lambda file: -file[1])]
    ending, one = Ending(stop), threading.Lock()

    def count(read: int) -> None:
        with one:
            advance(read)

    def work(path: Path) -> Hashed:
        return hash_file(path, count, ending.is_set)

    with ThreadPoolExecutor(workers or cores(), thread_name_prefix="hash") as pool:
        try:
            found = dict(zip(largest_first, pool.map(work, largest_first), strict=True))
        except BaseException:
            ending.set()
            raise
    check_stop(stop, "while hashing; nothing was changed")
    return found


def hash_file(path: Path, advance: Callable[[int], None], stopped: Callable[[], bool]) -> Hashed:
    """Never raises for what the file is or does. A stopped reading is a `problem` like any other."""
    try:
        # O_NONBLOCK: a named pipe under a blob's name must not wait for a writer.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        return Hashed(problem=_unreadable(error))
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return Hashed(problem="no regular file")
        return hash_open_file(descriptor, advance, stopped)
    except OSError as error:
        return Hashed(problem=_unreadable(error))
    finally:
        os.close(descriptor)


def hash_open_file(descriptor: int, advance: Callable[[int], None], stopped: Callable[[], bool]) -> Hashed:
    """As `hash_file`, from where the descriptor stands. Raises OSError."""
    before = identity_in(os.fstat(descriptor))
    with contextlib.suppress(OSError):  # advice only
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_SEQUENTIAL)
    digest, buffer = hashlib.sha256(), bytearray(READ_BYTES)
    view = memoryview(buffer)
    while count := os.readv(descriptor, [buffer]):
        if stopped():
            return Hashed(problem="not read to its end")
        digest.update(view[:count])
        advance(count)
    changed = identity_in(os.fstat(descriptor)) != before
    return Hashed(sha256=digest.hexdigest(), identity=before, changed=changed)


def _unreadable(error: OSError) -> str:
    return "the disk cannot read it" if error.errno == errno.EIO else f"it cannot be read: {error.strerror}"
