"""One writer per store: `flock` on a file inside it, freed by the kernel when the holder dies."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Iterator

from jetson_deploy.errors import LockedError, PreflightError
from jetson_deploy.events import Note, Reporter
from jetson_deploy.file_lock import read_pid, try_lock, write_pid
from jetson_deploy.names import shown
from jetson_deploy.store.disk_errors import store_error
from jetson_deploy.store.interrupt import check_stop
from jetson_deploy.store.layout import FILE_MODE, StorePaths, remove_whatever, set_mode_and_owner

POLL_SECONDS = 0.1


@contextlib.contextmanager
def store_lock(paths: StorePaths, *, wait_seconds: float, report: Reporter, stop: threading.Event) -> Iterator[None]:
    """Hold the store; wait for another run at most `wait_seconds`, saying so once. What dead runs left is removed.

    Raises LockedError `store-locked`, InterruptedRunError, PreflightError `store-linked` or when the file cannot
    be locked.
    """
    descriptor = _held(paths, wait_seconds, report, stop)
    try:
        _check_no_links(paths)
        _remove_leftovers(paths)
        yield
    finally:
        os.close(descriptor)


def _held(paths: StorePaths, wait_seconds: float, report: Reporter, stop: threading.Event) -> int:
    """The lock of the store that is there now: it may have been moved while this run waited."""
    while True:
        descriptor = _opened(paths)
        try:
            _take(descriptor, paths, wait_seconds, report, stop)
            if _is_its_lock(descriptor, paths):
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def _opened(paths: StorePaths) -> int:
    try:
        descriptor = os.open(paths.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, FILE_MODE)
        set_mode_and_owner(descriptor, paths.root)
    except OSError as error:
        raise store_error(error, paths.root) from error
    return descriptor


def _is_its_lock(descriptor: int, paths: StorePaths) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), paths.lock.stat())
    except FileNotFoundError:
        return False
    except OSError as error:
        raise store_error(error, paths.root) from error


def _take(descriptor: int, paths: StorePaths, wait_seconds: float, report: Reporter, stop: threading.Event) -> None:
    deadline = time.monotonic() + wait_seconds
    reported = False
    while not _locked(descriptor, paths):
        holder = read_pid(descriptor) or "unknown"
        if time.monotonic() >= deadline:
            raise LockedError(
                f"another run (pid {holder}) has been writing the store {paths.root} for {wait_seconds:g} s and more",
                hint="wait for it to end; the lock frees itself when that process is gone",
                code="store-locked",
            )
        if not reported:
            report(Note(level="info", text=f"waiting for another run (pid {holder}) that writes {paths.root}"))
            reported = True
        stop.wait(POLL_SECONDS)
        check_stop(stop, "while waiting for another run; nothing was changed")
    write_pid(descriptor)


def _locked(descriptor: int, paths: StorePaths) -> bool:
    try:
        return try_lock(descriptor)
    except OSError as error:
        raise store_error(error, paths.root) from error


def _check_no_links(paths: StorePaths) -> None:
    """What is in these is removed, by root: whoever may write the store must not choose what else it is.

    Raises PreflightError `store-linked`.
    """
    for directory in (paths.own, paths.temporary, paths.partial, paths.kept, paths.pinned, paths.dropped):
        if directory.is_symlink():
            target = shown(str(directory.readlink()))
            raise PreflightError(
                f"{directory} is a link to {target}: files are removed in it, so it has to be a directory",
                hint=f"rm {directory}, and run it again; what the link leads to stays as it is",
                code="store-linked",
            )


def _remove_leftovers(paths: StorePaths) -> None:
    """Holding the lock means that no living run owns anything in there."""
    try:
        for leftover in paths.temporary.iterdir():
            remove_whatever(leftover)
    except OSError as error:
        raise store_error(error, paths.root) from error
