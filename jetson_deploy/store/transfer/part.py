"""One unfinished blob: its data, reserved in full, and the journal of what of it is safe.

    <store>/.jetson-deploy/partial/<64 hex>.data      as long as the blob, written in any order
    <store>/.jetson-deploy/partial/<64 hex>.journal   see `journal`

The promise: a byte range stands in the journal only after it was fsynced (`checkpoint`), and the data gets its
final name only when all of it was hashed and fsynced (`finish`).
"""

from __future__ import annotations

import contextlib
import os
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

from jetson_deploy.store.layout import FILE_MODE, StorePaths, set_mode_and_owner, sync_directory, sync_file
from jetson_deploy.store.manifest import Blob
from jetson_deploy.store.transfer.journal import Journal, Saved
from jetson_deploy.store.transfer.ranges import Range, Ranges
from jetson_deploy.store.transfer.reserve import allocated, reserve


class Part:
    """Thread-safe: ranges are written by several threads, checkpoints taken by another one."""

    def __init__(self, paths: StorePaths, blob: Blob) -> None:
        self.blob = blob
        self._paths = paths
        self._data = data_path(paths, blob)
        self._journal = Journal(journal_path(paths, blob), blob)
        self._lock = threading.Lock()
        self._one_journal_writer = threading.Lock()
        self._descriptor = -1
        self.was_here = False
        """An earlier run left something that counts."""
        self.written = Ranges()
        """All that lies in the file, safe or not."""
        self._mirrored = Ranges()
        self._safe = _nothing()
        self._unsafe = _nothing()
        self._saving = 0
        self._failed: OSError | None = None
        """An fsync that failed."""

    def reserve(self) -> None:
        """See what an earlier run left and take the room for all of it. Raises OSError; then nothing new is kept."""
        saved = self._journal.read() if self._data_counts() else _nothing()
        self.was_here = bool(saved.done)
        if not self.was_here:
            self._discard_files()
        self.written, self._mirrored, self._safe = Ranges(saved.done), Ranges(saved.mirrored), saved
        try:
            self.open()
            reserve(self._descriptor, self.blob.size)
            self.close()
        except OSError:
            self.close()
            if not self.was_here:
                self._discard_files()
            raise

    def take_over(self, file: Path, right: Ranges) -> None:
        """Begin with a file of the blob's length of which these ranges are right, in its place. Raises OSError."""
        self._discard_files()
        sync_file(file)
        file.replace(self._data)
        sync_directory(self._data.parent)
        self._journal.begin(Saved(done=right, mirrored=Ranges()))
        self._journal.close()

    def open(self) -> None:
        """Before the first write or reading; again does nothing. Raises OSError."""
        with self._lock:
            if self._descriptor < 0:
                flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
                self._descriptor = os.open(self._data, flags, FILE_MODE)
                set_mode_and_owner(self._descriptor, self._paths.root)

    def _data_counts(self) -> bool:
        """A journal without its data, or with data of another length, says nothing."""
        try:
            status = self._data.lstat()
        except OSError:
            return False
        return stat.S_ISREG(status.st_mode) and status.st_size == self.blob.size

    def here(self) -> list[Range]:
        """All that lies in the file, safe or not."""
        with self._lock:
            return list(self.written)

    @property
    def frontier(self) -> int:
        """So many bytes from the start are in the file without a gap."""
        with self._lock:
            return self.written.frontier

    def write(self, offset: int, data: bytes, *, mirrored: bool) -> None:
        """Raises OSError."""
        view, at = memoryview(data), offset
        while view:
            count = os.pwrite(self._descriptor, view, at)
            view, at = view[count:], at + count
        with self._lock:
            self.written.add(offset, at)
            self._unsafe.done.add(offset, at)
            if mirrored:
                self._mirrored.add(offset, at)
                self._unsafe.mirrored.add(offset, at)

    def read_into(self, buffer: memoryview, offset: int) -> int:
        """Bytes that were read. Raises OSError."""
        return os.preadv(self._descriptor, [buffer], offset)

    @property
    def unsafe_bytes(self) -> int:
        """Written, and lost if the power went now: also what a checkpoint under way has not put on record yet."""
        with self._lock:
            return self._unsafe.done.total + self._saving

    def checkpoint(self) -> None:
        """Make safe what was written before the call, then say so in the journal. Raises OSError."""
        with self._one_journal_writer, self._synced() as fresh:
            if fresh.done:
                self._journal.append(fresh, self._safe)

    @contextlib.contextmanager
    def _synced(self) -> Iterator[Saved]:
        """What was not safe and is now. Raises OSError, and nothing more of this run counts then:
        the kernel tells of a failed write once, takes the pages for clean, and the next fsync says that all is well."""
        if self._failed is not None:
            raise self._failed
        with self._lock:
            fresh, self._unsafe = self._unsafe, _nothing()
            self._saving = fresh.done.total
        try:
            self._sync(fresh)
            yield fresh
        finally:
            self._saving = 0

    def _sync(self, fresh: Saved) -> None:
        if not fresh.done:
            return
        try:
            os.fdatasync(self._descriptor)
        except OSError as error:
            self._failed = error
            raise
        with self._lock:
            for known, added in ((self._safe.done, fresh.done), (self._safe.mirrored, fresh.mirrored)):
                for start, end in added:
                    known.add(start, end)

    def _remove(self, ranges: list[Range]) -> None:
        with self._lock:
            for start, end in ranges:
                for known in (self.written, self._mirrored, self._safe.done, self._safe.mirrored):
                    known.remove(start, end)

    def forget(self, ranges: list[Range]) -> None:
        """These bytes are wrong: they count as missing, also after a power cut. Raises OSError."""
        with self._one_journal_writer, self._synced():
            self._remove(ranges)
            self._journal.begin(self._safe)

    def mirrored_ranges(self) -> list[Range]:
        """What came from a mirror and not from the origin."""
        with self._lock:
            return list(self._mirrored)

    def finish(self) -> None:
        """All was hashed and is right: make it safe, give it its name, make the name safe. Raises OSError."""
        with self._one_journal_writer, self._synced():
            os.fsync(self._descriptor)  # mode and owner too
            self._data.replace(self._paths.blob(self.blob))
            sync_directory(self._paths.blobs)
            self.close()
            self._journal.remove()

    def close(self) -> None:
        """The descriptors; what is on the disk stays."""
        self._journal.close()
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def discard(self) -> None:
        """Keep nothing of it. Raises OSError."""
        with self._one_journal_writer:
            with self._lock:
                self._unsafe = _nothing()
            self.close()
            self._discard_files()

    def _discard_files(self) -> None:
        # The journal goes first and for good: it must never stand beside the data of a later attempt.
        if os.path.lexists(self._journal.path):
            self._journal.remove()
            sync_directory(self._journal.path.parent)
        with contextlib.suppress(FileNotFoundError):
            self._data.unlink()


def _nothing() -> Saved:
    return Saved(done=Ranges(), mirrored=Ranges())


def remove_leftovers(paths: StorePaths, blob: Blob) -> None:
    """Of a blob that has its name: a run may have been killed between giving it and taking these away."""
    for path in (journal_path(paths, blob), data_path(paths, blob)):
        if os.path.lexists(path):
            path.unlink()


def data_path(paths: StorePaths, blob: Blob) -> Path:
    return paths.partial / f"{blob.digest[7:]}.data"


def journal_path(paths: StorePaths, blob: Blob) -> Path:
    return paths.partial / f"{blob.digest[7:]}.journal"


def reserved_bytes(paths: StorePaths, blob: Blob) -> int:
    """Room that an earlier run of the same blob has taken already."""
    return min(allocated(data_path(paths, blob)), blob.size)
