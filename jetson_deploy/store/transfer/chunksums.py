"""Find the wrong part of a blob, where the source has hashes of its chunks (Ollama's client2 protocol).

    GET /v2/<namespace>/<model>/chunksums/<digest>
    sha256:<64 hex> <first>-<last>          one line per chunk, both bytes included

No signature covers these hashes. They only choose what is fetched again first; the hash of the whole decides.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol, runtime_checkable

from jetson_deploy.store.manifest import Blob
from jetson_deploy.store.transfer.ranges import Range, Ranges

_LINE = re.compile(r"(sha256:[0-9a-f]{64})\s+([0-9]{1,15})-([0-9]{1,15})")
_STEP_BYTES = 1 << 20

ReadInto = Callable[[memoryview, int], int]
"""Fill the buffer from an offset; the number of bytes read."""


class Chunksum(NamedTuple):
    digest: str
    start: int
    end: int
    """Not included."""


@runtime_checkable
class KnowsChunks(Protocol):
    """A source that can tell."""

    def chunksums(self, blob: Blob) -> Sequence[Chunksum]:
        """In order, covering the whole blob; empty when it cannot tell. Raises nothing of the network's."""
        ...


def parse_chunksums(text: str, size: int) -> tuple[Chunksum, ...]:
    """Empty unless the lines cover `size` bytes from the first to the last without gap or overlap."""
    found: list[Chunksum] = []
    for line in text.splitlines():
        match = _LINE.fullmatch(line.strip())
        if match is None:
            return ()
        found.append(Chunksum(match[1], int(match[2]), int(match[3]) + 1))
    borders = [0, *(chunk.end for chunk in found)]
    whole = (
        bool(found) and borders[-1] == size and all(c.start == b < c.end for c, b in zip(found, borders, strict=False))
    )
    return tuple(found) if whole else ()


def right_ranges_of(path: Path, chunks: Sequence[Chunksum]) -> Ranges:
    """As `right_ranges`, of a file. Raises OSError when it cannot be opened."""
    with path.open("rb", buffering=0) as file:
        return right_ranges(lambda buffer, at: os.preadv(file.fileno(), [buffer], at), chunks)


def right_ranges(read_into: ReadInto, chunks: Sequence[Chunksum]) -> Ranges:
    """The chunks whose bytes have the promised hash; what the disk cannot read has none."""
    buffer = memoryview(bytearray(_STEP_BYTES))
    right = Ranges()
    for chunk in chunks:
        with contextlib.suppress(OSError):
            if _digest(read_into, chunk, buffer) == chunk.digest:
                right.add(chunk.start, chunk.end)
    return right


def wrong_ranges(read_into: ReadInto, chunks: Sequence[Chunksum], size: int) -> list[Range]:
    """What to fetch again: all of it when the chunks do not tell, or contradict the hash of the whole."""
    wrong = list(right_ranges(read_into, chunks).gaps(size))
    return wrong or [(0, size)]


def _digest(read_into: ReadInto, chunk: Chunksum, buffer: memoryview) -> str:
    digest, at = hashlib.sha256(), chunk.start
    while at < chunk.end:
        count = read_into(buffer[: min(chunk.end - at, _STEP_BYTES)], at)
        if count == 0:
            break
        digest.update(buffer[:count])
        at += count
    return f"sha256:{digest.hexdigest()}"
