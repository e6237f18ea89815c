"""The ends of this machine's logs, bounded: the kernel's, the engine's, and those of our services."""

from __future__ import annotations

import errno
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

KMSG = "/dev/kmsg"
_RECORD = 8192
"""Bytes: the kernel hands out one record a read, and none is longer."""
_KERNEL_LIMIT = 4 << 20
_ENGINE = ("journalctl", "--unit=docker", "--lines=200", "--output=cat", "--no-pager", "--quiet")
_SERVICES = ("journalctl", "--unit=jetson-deploy*", "--lines=1000", "--output=short-iso", "--no-hostname", "--no-pager")
_JOURNALS = ("/run/log/journal", "/var/log/journal")
_ENGINE_SECONDS = 10.0
_ENGINE_LIMIT = 1 << 18


def kernel_log() -> str:
    """Of this machine, since its start or as far back as the kernel keeps it. Raises OSError."""
    descriptor = os.open(KMSG, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        return "\n".join(_messages(descriptor))
    finally:
        os.close(descriptor)


def _messages(descriptor: int) -> Iterator[str]:
    """`6,1234,5678,-;text`, and lines of key and value behind it."""
    left = _KERNEL_LIMIT
    while left > 0:
        try:
            record = os.read(descriptor, _RECORD)
        except BlockingIOError:
            return
        except OSError as error:
            if error.errno != errno.EPIPE:
                raise
            record = b""  # it was overwritten while we read: the next one follows
        left -= max(len(record), 1)
        yield record.decode(errors="replace").partition(";")[2].partition("\n")[0]


def engine_log() -> str:
    """The last lines of the engine's service. Raises OSError, also where there is no journal."""
    return _journal(_ENGINE)


def unit_logs() -> str:
    """The last lines of our own services. Raises OSError, also where there is no journal."""
    return _journal(_SERVICES)


def _journal(command: tuple[str, ...]) -> str:
    try:
        answer = subprocess.run(command, capture_output=True, timeout=_ENGINE_SECONDS, check=False)
    except subprocess.TimeoutExpired as error:
        raise TimeoutError(errno.ETIMEDOUT, "the journal does not answer") from error
    if not answer.stdout.strip() and _is_kept_from_us():
        raise PermissionError(errno.EACCES, "the system's journal may not be read")
    if answer.returncode != 0:
        said = answer.stderr.decode(errors="replace").strip().partition("\n")[0]
        raise OSError(errno.EIO, said or "the journal cannot be read")
    return answer.stdout[-_ENGINE_LIMIT:].decode(errors="replace")


def _is_kept_from_us() -> bool:
    """journalctl then shows the user's own journal, and calls that no failure."""
    found = [folder for place in _JOURNALS for folder in sorted(Path(place).glob("*"))]
    return bool(found) and not any(os.access(folder / "system.journal", os.R_OK) for folder in found)
