"""Holder of a lock, as the lock file records it: written by the holder, valid only while that process lives."""

from __future__ import annotations

import os
import socket
import time
from pathlib import Path

import msgspec

from jetson_deploy.deployment.revisions import Actor

_MOST_BYTES = 4096
_MOST_TEXT = 64
_START = 19
"""Index of `starttime` in /proc/PID/stat after the command's name (proc(5): field 22)."""


class Holder(msgspec.Struct, frozen=True, kw_only=True):
    """None: not known."""

    pid: int | None = None
    user: str | None = None
    command: str | None = msgspec.field(name="verb", default=None)
    source: str | None = None
    """Address of its SSH client; None also: on the host itself."""
    host: str | None = None
    version: str | None = None
    seconds: float | None = None
    """It has held the lock for so long, suspended time included."""

    @property
    def description(self) -> str:
        """To follow `deployment is locked by another run`."""
        if self.pid is None:
            return " (which one is not known)"
        run = f"`{self.command}`" if self.command else "a run"
        by = f" by {self.user}" if self.user else ""
        source = f" from {self.source}" if self.source else ""
        held = f", for {self.seconds:.0f} s" if self.seconds is not None else ""
        return f": {run}{by}{source} (pid {self.pid}){held}"


class _Identity(msgspec.Struct, frozen=True, kw_only=True):
    pid: int
    start: int
    """Of the process, in clock ticks after the boot: a pid is used again."""
    taken: float | None = None
    """CLOCK_BOOTTIME, seconds."""
    user: str = ""
    command: str = msgspec.field(name="verb", default="")
    source: str | None = None
    host: str = ""
    version: str = ""


def identity(by: Actor) -> bytes:
    """What the holder writes."""
    own = _Identity(
        pid=os.getpid(),
        start=_start_of(os.getpid()) or 0,
        taken=time.clock_gettime(time.CLOCK_BOOTTIME),
        user=by.user,
        command=by.command,
        source=by.source,
        host=socket.gethostname(),
        version=by.version,
    )
    return msgspec.json.encode(own) + b"\n"


def read_holder(descriptor: int) -> Holder:
    """Holder() where the file tells nothing, or of a process that is gone. Raises OSError alone."""
    try:
        said = msgspec.json.decode(os.pread(descriptor, _MOST_BYTES, 0), type=_Identity)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return Holder()
    if said.start <= 0 or _start_of(said.pid) != said.start:
        return Holder()
    seconds = None if said.taken is None else time.clock_gettime(time.CLOCK_BOOTTIME) - said.taken
    return Holder(
        pid=said.pid,
        user=_plain(said.user),
        command=_plain(said.command),
        source=_plain(said.source),
        host=_plain(said.host),
        version=_plain(said.version),
        seconds=seconds if seconds is not None and seconds >= 0 else None,
    )


def _start_of(pid: int) -> int | None:
    """None: no such process, or we may not see it (hidepid)."""
    if pid <= 0:
        return None
    try:
        text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
        return int(text.rpartition(")")[2].split()[_START])
    except (OSError, ValueError, IndexError):
        return None


def _plain(text: str | None) -> str | None:
    """Any user may write the file: nothing that moves a terminal's cursor is shown."""
    return text[:_MOST_TEXT] if text and text.isprintable() else None
