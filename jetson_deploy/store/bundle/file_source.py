"""Blobs that lie within a file: members of a bundle, or a GGUF as it is. And small ones in memory."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from jetson_deploy.errors import IntegrityError, PreflightError
from jetson_deploy.store.manifest import Blob

PIECE_BYTES = 1 << 20


class Extent(NamedTuple):
    start: int
    size: int


class FileSource:
    """A `Source`. `descriptor`: of `path`, open for reading, and the caller's to close.

    `extents`: where in the file a digest's bytes lie; `small`: those that are in no file.
    """

    def __init__(
        self, path: Path, descriptor: int, extents: Mapping[str, Extent], small: Mapping[str, bytes] | None = None
    ) -> None:
        self._path, self._descriptor = path, descriptor
        self._extents, self._small = extents, small or {}

    @property
    def address(self) -> str:
        return str(self._path)

    @property
    def takes_ranges(self) -> bool:
        return True

    @contextlib.contextmanager
    def stream(self, blob: Blob, start: int, end: int) -> Iterator[Iterator[bytes]]:
        """Raises PreflightError `file-not-readable`, IntegrityError `file-cut`."""
        content = self._small.get(blob.digest)
        yield (
            iter((content[start:end],)) if content is not None else self._pieces(self._extents[blob.digest], start, end)
        )

    def _pieces(self, extent: Extent, start: int, end: int) -> Iterator[bytes]:
        at, end = extent.start + start, extent.start + min(end, extent.size)
        while at < end:
            piece = self._read(at, min(PIECE_BYTES, end - at))
            yield piece
            at += len(piece)

    def _read(self, at: int, count: int) -> bytes:
        # pread has no position of its own: several threads share the descriptor.
        try:
            piece = os.pread(self._descriptor, count, at)
        except OSError as error:
            raise not_readable(self._path, error) from error
        if not piece:
            raise IntegrityError(
                f"{self._path} was cut while it was read",
                hint="make sure that no process writes to it, and run the same command again to resume",
                code="file-cut",
            )
        return piece


def not_readable(path: Path, error: OSError) -> PreflightError:
    return PreflightError(
        f"{path} cannot be read: {error.strerror}",
        hint="check the name, its permissions and its disk (dmesg)",
        code="file-not-readable",
    )
