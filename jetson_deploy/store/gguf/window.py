"""The bytes of a file's header, a piece at a time: what is passed over is not kept.

Not mmap: a file that is cut while it is mapped kills the process.
"""

from __future__ import annotations

import os
import struct

HEADER_BYTES = 64 << 20
PIECE_BYTES = 1 << 20
MOST_TEXT_BYTES = 16 << 20
_LENGTH = struct.Struct("<Q")


class Damaged(Exception):  # noqa: N818 - becomes an IntegrityError that names the file
    """The header cannot be what it says; the text is the reason."""


class Window:
    """Reads forward, numbers little-endian. Everything raises Damaged at the end of the file, or after HEADER_BYTES."""

    def __init__(self, descriptor: int, file_bytes: int) -> None:
        self._descriptor, self._file_bytes = descriptor, file_bytes
        self._piece, self._start, self._at = b"", 0, 0

    @property
    def position(self) -> int:
        return self._start + self._at

    def skip(self, count: int) -> None:
        self._check(self.position + count)
        self._at += count

    def number(self, code: str) -> int:
        """`code`: of struct, for an integer."""
        return self.numbers(code, 1)[0]

    def numbers(self, code: str, count: int) -> tuple[int, ...]:
        form = struct.Struct(f"<{count}{code}")
        return form.unpack(self._take(form.size))

    def text(self, most: int) -> str | None:
        """The text; None when it has more than `most` bytes, and is passed over then."""
        length = self.number("Q")
        if length > MOST_TEXT_BYTES:
            raise Damaged(f"a text has {length} bytes")
        if length > most:
            self.skip(length)
            return None
        return self._take(length).decode("utf-8", errors="replace")

    def skip_texts(self, count: int) -> None:
        """Tight, since vocabularies have hundreds of thousands."""
        piece, at, length_at = self._piece, self._at, _LENGTH.unpack_from
        for _ in range(count):
            if at + 8 > len(piece):
                self._at = at
                self._fill(8)
                piece, at = self._piece, self._at
            at += 8 + length_at(piece, at)[0]
        self._at = at
        self._check(self.position)

    def _take(self, count: int) -> bytes:
        if self._at + count > len(self._piece):
            self._fill(count)
        taken = self._piece[self._at : self._at + count]
        self._at += count
        return taken

    def _fill(self, count: int) -> None:
        """Have a piece that begins at the position and holds `count` bytes or more."""
        self._check(self.position + count)
        self._piece = os.pread(self._descriptor, max(count, PIECE_BYTES), self.position)
        self._start, self._at = self.position, 0
        if len(self._piece) < count:
            raise Damaged("it was cut while it was read")

    def _check(self, end: int) -> None:
        if end > self._file_bytes:
            raise Damaged("it ends inside its header")
        if end > HEADER_BYTES:
            raise Damaged(f"its header has more than {HEADER_BYTES >> 20} MiB")
