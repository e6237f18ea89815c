"""The record of a rollout on disk: one directory each, one line for each thing that happened, never changed again.

Each line is on the disk before what it says is begun (`device-started`) or shown. The lock of the file is the
controller's: two never work on one rollout, and a killed one holds nothing.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec

from jetson_deploy.errors import LockedError, PreflightError, UsageError
from jetson_deploy.file_lock import try_lock
from jetson_deploy.fleet.rollout.lines import AnyLine, Line, read_line, written
from jetson_deploy.fleet.rollout.story import Story

FILE = "record.ndjson"
_GRACE_READS, _GRACE_SECONDS = 5, 0.02
"""Another process may only have looked whether it is locked."""
DIRECTORY_MODE, FILE_MODE = 0o700, 0o600


def whole_lines(data: bytes) -> tuple[list[AnyLine], int]:
    """The lines of a record, and how many bytes they take: what a cut left of the last one is not there.

    Raises ValueError at a line that is damaged: what follows it cannot be believed.
    """
    lines: list[AnyLine] = []
    length = 0
    for raw in data.split(b"\n")[:-1]:
        try:
            line = read_line(raw)
        except msgspec.MsgspecError as error:
            raise ValueError(f"line {len(lines) + 1}: {str(error)[:200]}") from error
        if line.n != len(lines):
            raise ValueError(f"line {len(lines) + 1} has the number {line.n}")
        lines.append(line)
        length += len(raw) + 1
    return lines, length


def read(directory: Path) -> Story:
    """Raises UsageError: there is none, or it is damaged. Needs no lock: a controller may be writing."""
    path = directory / FILE
    try:
        lines, _ = whole_lines(path.read_bytes())
        return Story(lines)
    except OSError as error:
        hint = "jetson-deploy fleet history lists the rollouts"
        text = f"cannot read the record {path}: {error.strerror}"
        raise UsageError(text, hint=hint, code="no-such-rollout") from error
    except ValueError as error:
        raise UsageError(
            f"the record {path} is damaged: {error}",
            hint="start a new rollout (jetson-deploy fleet up): what is deployed already is left as it is",
            code="record-damaged",
        ) from error


class Record:
    """One that this process alone may write."""

    def __init__(self, directory: Path, descriptor: int, count: int) -> None:
        self.directory = directory
        self._descriptor, self._count = descriptor, count

    @property
    def is_empty(self) -> bool:
        return self._count == 0

    def append(self, line: Line, at: str) -> AnyLine:
        """On the disk when this returns. Raises PreflightError: it cannot be written."""
        numbered = msgspec.structs.replace(line, n=self._count, at=at)
        data = written(numbered)
        whole = os.fstat(self._descriptor).st_size
        try:
            while data:
                data = data[os.write(self._descriptor, data) :]
            os.fsync(self._descriptor)
        except OSError as error:
            with contextlib.suppress(OSError):  # else the next line would be written behind a half one
                os.ftruncate(self._descriptor, whole)
            raise _unwritable(self.directory, error) from error
        self._count += 1
        return numbered  # type: ignore[return-value]


@contextlib.contextmanager
def created(directory: Path) -> Iterator[Record]:
    """A new one, locked; where not even its first line can be written, none is left. Raises PreflightError."""
    try:
        directory.parent.mkdir(parents=True, exist_ok=True, mode=DIRECTORY_MODE)
        directory.mkdir(mode=DIRECTORY_MODE)
        descriptor = _new_file(directory)
        _sync_directory(directory)
        _sync_directory(directory.parent)
    except OSError as error:
        raise _unwritable(directory, error) from error
    with contextlib.closing(_Descriptor(descriptor)):
        _lock(descriptor, directory)
        record = Record(directory, descriptor, 0)
        try:
            yield record
        finally:
            if record.is_empty:
                shutil.rmtree(directory, ignore_errors=True)


def _new_file(directory: Path) -> int:
    try:
        return os.open(directory / FILE, _FLAGS | os.O_CREAT | os.O_EXCL, FILE_MODE)
    except OSError:
        directory.rmdir()
        raise


@contextlib.contextmanager
def taken(directory: Path) -> Iterator[tuple[Record, Story]]:
    """One that is there, locked. Raises LockedError saying who works on it and since when; UsageError as `read`."""
    read(directory)
    try:
        descriptor = os.open(directory / FILE, _FLAGS)
    except OSError as error:
        raise _unwritable(directory, error) from error
    with contextlib.closing(_Descriptor(descriptor)):
        _lock(descriptor, directory)
        story = read(directory)
        _, length = whole_lines((directory / FILE).read_bytes())
        os.ftruncate(descriptor, length)
        yield Record(directory, descriptor, story.lines), story


_FLAGS = os.O_RDWR | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW


class _Descriptor:
    def __init__(self, number: int) -> None:
        self._number = number

    def close(self) -> None:
        os.close(self._number)


def is_worked_on(directory: Path) -> bool:
    """Does a controller hold it now?"""
    try:
        descriptor = os.open(directory / FILE, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        return not try_lock(descriptor, shared=True)
    finally:
        os.close(descriptor)


def _lock(descriptor: int, directory: Path) -> None:
    for _ in range(_GRACE_READS):
        if try_lock(descriptor):
            return
        time.sleep(_GRACE_SECONDS)
    who = ""
    with contextlib.suppress(UsageError):
        story = read(directory)
        if story.who is not None:
            who = f": {story.who.user} on {story.who.host} (pid {story.who.pid}) since {story.taken_at}"
    raise LockedError(
        f"rollout {directory.name} is worked on by another controller{who}",
        hint=f"jetson-deploy fleet show {directory.name} shows it; fleet pause and fleet abort reach it",
        code="locked",
    )


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _unwritable(directory: Path, error: OSError) -> PreflightError:
    return PreflightError(
        f"cannot write the record {directory}: {error.strerror}",
        hint="free space there, or set JETSON_DEPLOY_FLEET_DIR to a directory you may write",
        code="record-unwritable",
    )
