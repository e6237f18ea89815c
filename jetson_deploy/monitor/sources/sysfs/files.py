"""Reading of files whose place is known: bounded, three system calls each, bytes in and numbers out.

Nothing here raises for what a file holds: what cannot be read, or is no number within the bounds, is None.
"""

from __future__ import annotations

import errno
import os

_FLAGS = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC
"""O_NONBLOCK: a FIFO must not wait for a writer. O_NOFOLLOW: links were followed when the file was found."""
_GONE = frozenset((errno.ENOENT, errno.ENOTDIR, errno.ENODEV))
_VALUE_BYTES = 64
"""A one-value file of sysfs is shorter."""
_NUMBER_DIGITS = 19
COUNT = (1 << 63) - 1
"""The highest that a counter may say."""
WHOLE_BYTES = 64 * 1024
"""The largest that is read whole, /proc/meminfo, /proc/vmstat or /proc/stat of a big machine, has some 10 KiB."""


class Files:
    """`vanished`: a file that was known is gone, so that a driver went or devices were numbered anew."""

    def __init__(self) -> None:
        self.vanished = False

    def start(self, path: str | None, limit: int = _VALUE_BYTES) -> bytes | None:
        """What one read gives; None: no path, it cannot be read, or is empty (a FIFO without a writer too)."""
        if path is None:
            return None
        try:
            descriptor = os.open(path, _FLAGS)
        except OSError as error:
            self.vanished = self.vanished or error.errno in _GONE
            return None
        try:
            return os.read(descriptor, limit) or None
        except OSError:  # EAGAIN of a sensor without power, EISDIR, ENODATA, EIO
            return None
        finally:
            os.close(descriptor)

    def whole(self, path: str | None) -> bytes | None:
        """The file up to its end; None: larger than WHOLE_BYTES, for half a table says something wrong.

        /proc gives tables in pieces of a page.
        """
        if path is None:
            return None
        try:
            descriptor = os.open(path, _FLAGS)
        except OSError:
            return None
        pieces, left = [], WHOLE_BYTES + 1
        try:
            while left > 0 and (piece := os.read(descriptor, left)):
                pieces.append(piece)
                left -= len(piece)
        except OSError:
            return None
        finally:
            os.close(descriptor)
        return b"".join(pieces) if left > 0 else None

    def number(self, path: str | None, low: int, high: int) -> int | None:
        """The file's whole text is one decimal number from `low` to `high`. No path: None."""
        value = parse_number(self.start(path))
        return value if value is not None and low <= value <= high else None

    def scaled(self, path: str | None, low: int, high: int, unit: int) -> float | None:
        """`number` in parts of `unit`: 5016 mV with 1000 → 5.016."""
        value = self.number(path, low, high)
        return None if value is None else value / unit

    def flag(self, path: str | None) -> bool | None:
        value = self.number(path, 0, 1)
        return None if value is None else value == 1

    def word(self, path: str | None) -> str | None:
        """A name: one line of printable ASCII, at most 63 characters."""
        data = self.start(path)
        if data is None or len(data) >= _VALUE_BYTES:
            return None
        text = data.decode("ascii", errors="replace").rstrip("\n\0").strip(" ")
        return text if text.isascii() and text.isprintable() and text else None


def parse_number(data: bytes | None) -> int | None:
    """ASCII digits with an optional minus; `int` alone would take `1_0` and `+1`."""
    if data is None:
        return None
    text = data.strip()
    digits = text[1:] if text[:1] == b"-" else text
    return int(text) if digits.isdigit() and len(digits) <= _NUMBER_DIGITS else None
