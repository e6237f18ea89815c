"""The journal of an unfinished blob: which of its bytes are safe on the disk, so that a rerun does not fetch them.

A text file beside the data. The first line names the blob; each further line is a range that had been fsynced in the
data *before* the line was written, so the journal is never ahead of the disk:

    jetson-deploy-journal 1 sha256:<64 hex> <size> <crc>
    <start> <end> <o|m> <crc>

`o`: from the origin, `m`: from a mirror (the first to be doubted when the whole has another hash). `crc` is the
CRC-32 of the line before it. A line that is torn, damaged or senseless ends the reading: what stands before it counts.
"""

from __future__ import annotations

import contextlib
import os
import zlib
from collections.abc import Iterable
from pathlib import Path

import msgspec

from jetson_deploy.store.layout import FILE_MODE, set_mode_and_owner, sync_directory
from jetson_deploy.store.manifest import Blob
from jetson_deploy.store.transfer.ranges import Ranges

_WORD = "jetson-deploy-journal 1"
_READ_BYTES = 8 << 20
_COMPACT_BYTES = 64 << 10
"""A journal that has grown so long is written anew with its ranges merged."""


class Saved(msgspec.Struct, frozen=True, kw_only=True):
    """What a journal says is safe."""

    done: Ranges
    mirrored: Ranges
    """The part of `done` that came from a mirror."""


class Journal:
    """The journal of one blob. The caller holds the store's lock."""

    def __init__(self, path: Path, blob: Blob) -> None:
        self.path, self._blob = path, blob
        self._descriptor: int | None = None
        self._length = 0

    def read(self) -> Saved:
        """Never raises for what the file holds: a damaged journal costs fetching, nothing else."""
        try:
            with self.path.open("rb") as file:
                lines = file.read(_READ_BYTES).split(b"\n")
        except OSError:
            return Saved(done=Ranges(), mirrored=Ranges())
        return _parsed(lines, self._blob)

    def begin(self, saved: Saved) -> None:
        """Write it anew with what is known, atomically. Raises OSError."""
        self.close()
        temporary = self.path.with_suffix(".journal-new")
        text = _line(f"{_WORD} {self._blob.digest} {self._blob.size}") + _lines(saved)
        descriptor = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, FILE_MODE)
        try:
            set_mode_and_owner(descriptor, self.path.parent)
            _write(descriptor, text)
            os.fsync(descriptor)
            temporary.replace(self.path)
            sync_directory(self.path.parent)
        except BaseException:
            os.close(descriptor)
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)
            raise
        self._descriptor, self._length = descriptor, len(text)

    def append(self, fresh: Saved, known: Saved) -> None:
        """Add ranges whose bytes have been fsynced by now; `known` is all of them. Raises OSError."""
        if self._descriptor is None or self._length > _COMPACT_BYTES:
            self.begin(known)
            return
        text = _lines(fresh)
        _write(self._descriptor, text)
        os.fdatasync(self._descriptor)
        self._length += len(text)

    def close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def remove(self) -> None:
        """Raises OSError."""
        self.close()
        self.path.unlink(missing_ok=True)


def _lines(saved: Saved) -> bytes:
    own = Ranges(saved.done)
    for start, end in saved.mirrored:
        own.remove(start, end)
    return b"".join([*(_spans(own, "o")), *_spans(saved.mirrored, "m")])


def _spans(ranges: Iterable[tuple[int, int]], origin: str) -> list[bytes]:
    return [_line(f"{start} {end} {origin}") for start, end in ranges]


def _line(text: str) -> bytes:
    return f"{text} {zlib.crc32(text.encode()):08x}\n".encode()


def _write(descriptor: int, text: bytes) -> None:
    view = memoryview(text)
    while view:
        view = view[os.write(descriptor, view) :]


def _parsed(lines: list[bytes], blob: Blob) -> Saved:
    done, mirrored = Ranges(), Ranges()
    if _text_of(lines[0]) != f"{_WORD} {blob.digest} {blob.size}":
        return Saved(done=done, mirrored=mirrored)
    for line in lines[1:]:
        fields = (_text_of(line) or "").split(" ")
        if len(fields) != 3 or fields[2] not in ("o", "m") or not all(_is_number(f) for f in fields[:2]):
            break
        start, end = int(fields[0]), int(fields[1])
        if not start < end <= blob.size:
            break
        done.add(start, end)
        if fields[2] == "m":
            mirrored.add(start, end)
    return Saved(done=done, mirrored=mirrored)


def _text_of(line: bytes) -> str | None:
    """The line without its checksum; None when that does not fit."""
    text, _, checksum = line.rpartition(b" ")
    if checksum != f"{zlib.crc32(text):08x}".encode():
        return None
    return text.decode("ascii", errors="replace")


def _is_number(field: str) -> bool:
    return field.isdecimal() and field.isascii() and len(field) <= 15
