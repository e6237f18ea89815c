"""The files around the database: its directory, the recorder's lock, and a damaged one that is set aside."""

from __future__ import annotations

import contextlib
import errno
import os
import time
from pathlib import Path

from jetson_deploy.errors import (
    JetsonDeployError,
    LockedError,
    PreflightError,
    ResourceError,
    UnhealthyError,
    UsageError,
)
from jetson_deploy.file_lock import read_pid, try_lock, write_holder, write_pid
from jetson_deploy.monitor.history.schema import is_damage
from jetson_deploy.names import shown
from jetson_deploy.store.layout import sync_directory

_NAMES = (".sqlite3", ".sqlite", ".db")
_MAGIC = b"SQLite format 3\0"


def make_directory(path: Path) -> None:
    """Of the database, so that a power cut does not take it away again. Raises what `file_error` gives."""
    missing = [place for place in (path.parent, *path.parent.parents) if not place.exists()]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        for place in missing:
            sync_directory(place.parent)
    except OSError as error:
        raise file_error(error, path) from error


class RecorderLock:
    """One recorder for each database; freed by the kernel when its process dies."""

    def __init__(self, path: Path) -> None:
        """Raises LockedError, and what `file_error` gives."""
        self._path = path.with_name(path.name + ".lock")
        try:
            self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
        except OSError as error:
            raise file_error(error, path) from error
        try:
            self._take(path)
        except BaseException:
            os.close(self._descriptor)
            raise

    def _take(self, path: Path) -> None:
        try:
            taken = try_lock(self._descriptor)
            holder = None if taken else read_pid(self._descriptor)
        except OSError as error:
            raise file_error(error, path) from error
        if not taken:
            raise LockedError(
                f"another recorder{f' (process {holder})' if holder is not None else ''} writes to {path}",
                hint="one is enough for a board; record elsewhere with --db FILE, or end the other one",
                code="already-recording",
            )
        with contextlib.suppress(OSError):
            write_pid(self._descriptor)

    def free(self) -> None:
        with contextlib.suppress(OSError):
            write_holder(self._descriptor, b"")
        os.close(self._descriptor)


def check_is_ours(path: Path) -> None:
    """Whether what stands there may be taken for a damaged history. Raises UsageError for a file of another kind."""
    try:
        if path.is_dir():
            raise _not_ours(path, "is a directory")
        if path.exists() and not path.is_file():  # opening a pipe would wait for ever
            raise _not_ours(path, "is no ordinary file")
        with path.open("rb") as file:
            head = file.read(len(_MAGIC))
    except FileNotFoundError:
        return
    except OSError as error:
        raise file_error(error, path) from error
    if head.strip(b"\0") and head != _MAGIC and path.suffix not in _NAMES:
        raise _not_ours(path, "is no history: it was not touched")


def _not_ours(path: Path, why: str) -> UsageError:
    return UsageError(f"{shown(str(path))} {why}", hint="give another --db FILE", code="not-a-history")


def set_aside(path: Path) -> Path:
    """Renames the database; one that was set aside before goes, so that they never fill the disk. Raises OSError."""
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    new = path.with_name(f"{path.name}.damaged-{stamp}")
    old = [one for one in path.parent.glob(_escaped(path.name) + ".damaged-*") if one.name != new.name]
    path.rename(new)
    for suffix in ("-wal", "-journal"):
        with contextlib.suppress(FileNotFoundError):
            Path(f"{path}{suffix}").rename(f"{new}{suffix}")
    Path(f"{path}-shm").unlink(missing_ok=True)
    for one in old:
        with contextlib.suppress(OSError):
            one.unlink()
    sync_directory(path.parent)
    return new


def _escaped(name: str) -> str:
    return "".join(f"[{sign}]" if sign in "*?[" else sign for sign in name)


def file_error(error: OSError, path: Path) -> JetsonDeployError:
    """The error for a file operation at the history's place."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return ResourceError(
            f"the disk of {path} is full", hint="free room there, or record elsewhere with --db FILE", code="disk-full"
        )
    return not_writable(path, error.strerror or str(error))


def not_writable(path: Path, why: str) -> PreflightError:
    return PreflightError(
        f"{path} cannot be used for recording: {why}",
        hint="run with sudo, or record elsewhere with --db FILE",
        code="history-not-writable",
    )


def disk_words(error: Exception) -> str:
    """Why the disk does not take what is written, of an OSError or one of SQLite's."""
    text = (error.strerror if isinstance(error, OSError) else None) or str(error)
    if "full" in text or "No space" in text:
        return "the disk is full"
    if "readonly" in text or "Read-only" in text:
        return "the disk is read-only"
    return text


def reading_error(path: Path, error: Exception) -> JetsonDeployError:
    if is_damage(error):
        return UnhealthyError(
            f"{path} is damaged: {error}",
            hint="jetson-deploy monitor record sets it aside and begins a new one",
            code="history-damaged",
        )
    return PreflightError(
        f"{path} cannot be read: {error}",
        hint="run as the user that records, or with sudo",
        code="history-not-readable",
    )
