"""The listener that records. It only appends; a thread of its own writes, and waits for slow disks.

What cannot be written is kept for a while in memory: a disk that is full or read-only pauses the recording, said once,
and it goes on when there is room. A database that is damaged is set aside. Nothing of this ends the monitor.
"""

from __future__ import annotations

import contextlib
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

from jetson_deploy.errors import UsageError
from jetson_deploy.monitor.history.batch import Batch
from jetson_deploy.monitor.history.clock import Steadiness, milliseconds
from jetson_deploy.monitor.history.default import Kept
from jetson_deploy.monitor.history.files import (
    RecorderLock,
    check_is_ours,
    disk_words,
    make_directory,
    not_writable,
    set_aside,
)
from jetson_deploy.monitor.history.happened import Happened
from jetson_deploy.monitor.history.schema import DamagedError, ForeignError, connect
from jetson_deploy.monitor.history.store import Store
from jetson_deploy.monitor.metrics import series
from jetson_deploy.monitor.monitor import Latest
from jetson_deploy.monitor.sample import Sample

COMMIT_SECONDS = 30.0
"""One commit in that time: what a kill or a power cut may lose."""
MOST_WAITING = 3600
"""Samples kept in memory while the disk does not take them."""
_CLOSE_SECONDS = 30.0
_PRUNE_SECONDS = 6 * 3600.0
"""Looking for what is old reads the whole file."""


class Recorder:
    """`now`: the wall clock, seconds; it is asked whether something is old. `say`: one line, from any thread."""

    def __init__(
        self,
        path: Path,
        *,
        now: Callable[[], float] = time.time,
        kept: Kept | None = None,
        say: Callable[[str], None] = lambda text: None,
        read: Callable[[Sample], dict[str, float]] = series,
        opened: Callable[[Path], sqlite3.Connection] = connect,
    ) -> None:
        """Raises LockedError, UsageError (no history of ours), PreflightError (nothing can be written there)."""
        self.path = path
        self.lost = 0
        """Samples that were never written, because the disk did not take them for too long."""
        self.paused: str | None = None
        """Why nothing is written now."""
        self._now, self._kept, self._say, self._read, self._opened = now, kept or Kept(), say, read, opened
        self._changed = threading.Condition()
        self._batch, self._waiting = Batch(), deque[Batch]()
        self._began: float | None = None
        self._last: float | None = None
        self._asked = self._done = 0
        self._ending = False
        self._steadiness = Steadiness()
        self._prune_at: int | None = None
        """Milliseconds, when it is time to look for what is old, and the clock can be trusted."""
        self._pruned = float("-inf")
        self._told_lost = 0
        make_directory(path)
        check_is_ours(path)
        self._lock = RecorderLock(path)
        self._store: Store | None = None
        try:
            self._happened = Happened(self._first_opened())
        except BaseException:
            self._lock.free()
            raise
        self._writer = threading.Thread(target=self._write_on, name="history", daemon=True)
        self._writer.start()

    def receive(self, latest: Latest) -> None:
        sample = latest.sample
        values, events = self._read(sample), self._happened.events(latest)
        with self._changed:
            step, self._last = max(0.0, sample.monotonic - (self._last or sample.monotonic)), sample.monotonic
            if self._began is None or sample.monotonic < self._began:
                self._began = sample.monotonic
            self._batch.add(milliseconds(sample.at), values)
            self._batch.events += events
            if sample.monotonic - self._began + step >= COMMIT_SECONDS:
                self._hand_over()

    def flush(self, seconds: float = _CLOSE_SECONDS) -> bool:
        """Hand over the samples, and wait until they are written, or writing failed. False: it took too long."""
        with self._changed:
            self._hand_over()
            asked = self._asked
            return self._changed.wait_for(lambda: self._done >= asked, timeout=seconds)

    def close(self) -> None:
        """Everything is committed, or said to be lost. A disk that hangs is not waited for longer than 30 s."""
        with self._changed:
            self._batch.events += self._happened.ended(milliseconds(self._now()))
            self._ending = True
            self._hand_over()
        self._writer.join(_CLOSE_SECONDS)
        left = sum(map(len, self._waiting)) + self.lost
        if self._writer.is_alive():
            self._say(f"history: {self.path} does not answer; the last {left} samples may be lost")
        elif left > self._told_lost:
            self._say(f"history: {left} samples are lost: {self.paused or 'they waited for too long'}")

    def _hand_over(self) -> None:
        if len(self._batch) or self._batch.events:
            self._waiting.append(self._batch)
            self._batch = Batch()
        self._began = None
        while len(self._waiting) > 1 and sum(map(len, self._waiting)) > MOST_WAITING:
            self.lost += len(self._waiting.popleft())
        self._look_at_the_clock(self._last or 0.0)
        self._asked += 1
        self._changed.notify_all()

    def _look_at_the_clock(self, monotonic: float) -> None:
        wall = self._now()
        if self._steadiness.is_steady(wall, monotonic) and monotonic - self._pruned >= _PRUNE_SECONDS:
            self._pruned, self._prune_at = monotonic, milliseconds(wall)

    def _first_opened(self) -> str | None:
        """The boot of the last recording. What can pass (a full disk) is left to the writer."""
        try:
            try:
                self._store = self._open()
                return self._store.last_boot()
            except DamagedError as error:
                self._begin_anew(error)
                self._store = self._open()
                return None
        except ForeignError as error:
            raise UsageError(f"{self.path} {error}", hint="give another --db FILE", code="not-a-history") from error
        except OSError as error:
            raise not_writable(self.path, error.strerror or str(error)) from error
        except sqlite3.Error as error:
            if "full" in str(error):
                return None
            raise not_writable(self.path, str(error)) from error

    def _open(self) -> Store:
        """A damaged one is set aside. Raises ForeignError, sqlite3.Error, OSError."""
        try:
            return Store(self.path, self._kept, opened=self._opened)
        except DamagedError as error:
            self._put_aside(error)
            return Store(self.path, self._kept, opened=self._opened)

    def _put_aside(self, error: DamagedError) -> None:
        kept = set_aside(self.path)
        self._say(f"history: the database was damaged ({error}); it is kept as {kept}, a new one begins")

    def _write_on(self) -> None:
        """The thread."""
        with contextlib.suppress(Exception):  # tried again, and reported, with the first batch
            self._check_first()
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._asked > self._done)
                asked, ending = self._asked, self._ending
            self._try_to_write()
            with self._changed:
                self._done = asked
                self._changed.notify_all()
            if ending:
                break
        if self._store is not None:
            self._store.close()
        self._lock.free()

    def _check_first(self) -> None:
        """Of a database whose recorder was killed."""
        if self._store is not None and self._store.unclean:
            try:
                self._store.check()
            except DamagedError as error:
                self._begin_anew(error)

    def _begin_anew(self, error: DamagedError) -> None:
        if self._store is not None:
            self._store.close()
            self._store = None
        self._put_aside(error)

    def _try_to_write(self) -> None:
        try:
            try:
                self._write_waiting()
            except DamagedError as error:
                self._begin_anew(error)
                self._write_waiting()
        except Exception as error:  # whatever it is, the monitor lives on
            self._pause(disk_words(error))
        else:
            self._resume()

    def _write_waiting(self) -> None:
        if self._store is not None and not self._store.is_there:
            self._store.close()
            self._store = None
        if self._store is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._store = self._open()
        while True:
            with self._changed:
                if not self._waiting:
                    break
                batch = self._waiting[0]
            self._store.write(batch)
            with self._changed:
                if self._waiting and self._waiting[0] is batch:
                    self._waiting.popleft()
        with self._changed:
            now, self._prune_at = self._prune_at, None
        self._store.prune(now)

    def _pause(self, why: str) -> None:
        if self._store is not None:
            self._store.close()  # what SQLite thinks of the file may be wrong after an error
            self._store = None
        if self.paused is None:
            self._say(f"history: recording pauses: {why}; the last {MOST_WAITING} samples are kept in memory meanwhile")
        self.paused = why

    def _resume(self) -> None:
        if self.paused is None and self.lost == self._told_lost:
            return
        more = self.lost - self._told_lost
        lost = f"; {more} samples are lost" if more else ""
        self._say(f"history: recording goes on in {self.path}{lost}")
        self.paused, self._told_lost = None, self.lost
