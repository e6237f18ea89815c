"""Small pieces into larger ones: TLS gives 16 KiB at a time, and each piece costs a system call and several locks."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

HELD_SECONDS = 0.1
"""A slow line's bytes wait no longer than this and the next piece, so that progress is seen."""


def gathered(pieces: Iterator[bytes], enough: int, clock: Callable[[], float] = time.monotonic) -> Iterator[bytes]:
    """The same bytes in pieces of about `enough`; what had come before an exception is given out before it."""
    held: list[bytes] = []
    size, since = 0, clock()
    try:
        for piece in pieces:
            held.append(piece)
            size += len(piece)
            if size >= enough or clock() - since >= HELD_SECONDS:
                yield held[0] if len(held) == 1 else b"".join(held)
                held, size, since = [], 0, clock()
    except Exception:
        if held:
            yield b"".join(held)
        raise
    if held:
        yield b"".join(held)
