"""The events of a unit, on the device: one line each, whole or not there, in a file that stays bounded."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from jetson_deploy.fleet.job.folder import Fetched, JobResult

MOST_BYTES = 4 << 20
"""Of events; heartbeats go on (70 kB an hour), and the result is written in any case."""
LINE_BYTES = 256 << 10
PROGRESS_SECONDS = 0.5
"""Between two lines about the same thing being fetched."""
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def boot_id() -> str:
    try:
        return _BOOT_ID.read_text().strip()
    except OSError:
        return ""


def since_boot() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class EventFile:
    """Written by several threads. A full disk loses events, and never the run."""

    def __init__(self, path: Path, *, most: int = MOST_BYTES, clock: Callable[[], float] = since_boot) -> None:
        self._descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._lock = threading.Lock()
        self._most, self._clock = most, clock
        self._boot = boot_id()
        self._full = False
        self._shown: dict[str, float] = {}
        self.fetching = Fetching()
        self.last = 0

    @property
    def boot(self) -> str:
        return self._boot

    def event(self, line: bytes) -> None:
        """One line of the command's own `--events`; anything else is left out."""
        kind = _read(line)
        if kind is None or len(line) > LINE_BYTES:
            return
        with self._lock:
            now = self._clock()
            if kind.event == "progress" and not self._due(kind, now):
                return
            self._write_event(line, now)

    def heartbeat(self) -> None:
        with self._lock:
            self._append(b'"heartbeat":%.3f' % self._clock())

    def end(self, result: JobResult) -> None:
        """The last line."""
        with self._lock:
            self._append(b'"result":' + msgspec.json.encode(result))

    def close(self) -> None:
        os.close(self._descriptor)

    def _write_event(self, line: bytes, now: float) -> None:
        if self._full:
            return
        if os.fstat(self._descriptor).st_size + len(line) > self._most:
            self._full = True
            line = b'{"event":"note","level":"warning","text":"too many events: the rest is left out"}'
        self._append(b'"at":%.3f,"event":%s' % (now, line))

    def _due(self, kind: _Kind, now: float) -> bool:
        """The first and the last of an item, and some between."""
        self.fetching.see(kind.item, kind.done_bytes, kind.phase, now)
        ended = kind.total_bytes is not None and kind.done_bytes >= kind.total_bytes
        if not ended and now - self._shown.get(kind.item, -PROGRESS_SECONDS) < PROGRESS_SECONDS:
            return False
        self._shown[kind.item] = now
        return True

    def _append(self, fields: bytes) -> None:
        line = b'{"n":%d,"boot":"%s",%s}\n' % (self.last + 1, self._boot.encode(), fields)
        size = os.fstat(self._descriptor).st_size
        try:
            if os.write(self._descriptor, line) == len(line):
                self.last += 1
                return
        except OSError:
            pass
        with contextlib.suppress(OSError):  # half a line would end up before the next one
            os.ftruncate(self._descriptor, size)


class Fetching:
    """How fast bytes came, over all that is fetched at once."""

    def __init__(self) -> None:
        self._items: dict[str, tuple[int, int]] = {}
        self._first = self._last = 0.0

    def see(self, item: str, done: int, phase: str, now: float) -> None:
        if phase != "fetching":
            return
        if not self._items:
            self._first = now
        first, _ = self._items.setdefault(item, (done, done))
        self._items[item] = (first, done)
        self._last = now

    @property
    def measured(self) -> Fetched | None:
        """None: nothing came, or too shortly to tell."""
        came = sum(last - first for first, last in self._items.values())
        seconds = self._last - self._first
        return Fetched(bytes=came, seconds=round(seconds, 3)) if came > 0 and seconds >= 1 else None


class _Kind(msgspec.Struct, frozen=True, kw_only=True):
    """As much of an event as is needed here; one of a newer tool passes."""

    event: str
    item: str = ""
    phase: str = ""
    done_bytes: int = 0
    total_bytes: int | None = None


_DECODER = msgspec.json.Decoder(_Kind)


def _read(line: bytes) -> _Kind | None:
    try:
        return _DECODER.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
