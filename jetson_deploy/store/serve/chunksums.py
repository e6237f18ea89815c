"""Hashes of the parts of a blob, so that a client can tell which part it got wrong (Ollama's client2 protocol)."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Iterator
from typing import TypeAlias

from jetson_deploy.store.serve.served import BlobChanged, ServedBlob

CHUNK_BYTES = 64 << 20
_READ_BYTES = 1 << 20
_KEPT = 10_000
"""Sums that are remembered: of 640 GB, in 1 MB of memory."""

_Part: TypeAlias = tuple[str, int, int, int]
"""Digest, inode and modification time of the blob, and the start of the part."""


class Chunksums:
    """Hashes one part at a time, whoever asks, so that serving files stays cheap; what was hashed is remembered."""

    def __init__(self) -> None:
        self._hashing = threading.Lock()
        self._known: dict[_Part, str] = {}

    def lines(self, blob: ServedBlob) -> Iterator[bytes]:
        """`sha256:<hex> <start>-<end>`, the end inclusive. Raises OSError, BlobChanged."""
        for start in range(0, blob.size, CHUNK_BYTES):
            end = min(start + CHUNK_BYTES, blob.size)
            yield f"sha256:{self._sum(blob, start, end)} {start}-{end - 1}\n".encode()

    def _sum(self, blob: ServedBlob, start: int, end: int) -> str:
        status = os.fstat(blob.file.fileno())
        part = (blob.digest, status.st_ino, status.st_mtime_ns, start)
        with self._hashing:
            if part not in self._known:
                if len(self._known) >= _KEPT:
                    self._known.clear()
                self._known[part] = _hashed(blob.file.fileno(), start, end)
            return self._known[part]


def _hashed(descriptor: int, start: int, end: int) -> str:
    digest = hashlib.sha256()
    while start < end:
        piece = os.pread(descriptor, min(_READ_BYTES, end - start), start)
        if not piece:
            raise BlobChanged
        digest.update(piece)
        start += len(piece)
    return digest.hexdigest()
