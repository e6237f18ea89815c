"""A container's log: the engine's frames → lines, as it is written or all that there is."""

from __future__ import annotations

import http.client
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime

from jetson_deploy.runtime.docker.wire import Stream
from jetson_deploy.runtime.port import UnreadableLogError

ENGINE = 3
"""The number of frames that are the engine's own words: why it cannot read on."""
_MOST_LINE_BYTES = 64 << 10
"""What is longer is cut: a log without line ends must not fill the memory."""
_READ_BYTES = 64 << 10
_HEAD_BYTES = 8


class StampedLog:
    """Iterate over `lines` in one thread; `close` ends that from another."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream

    def lines(self) -> Iterator[tuple[str, str]]:
        """(time stamp, line) until the container stops, the engine goes away, or `close`. Never raises for these.

        Raises UnreadableLogError: the engine ends it there, before the new lines.
        """
        for source, line in whole_lines(frames(lambda: _more(self._stream))):
            if source == ENGINE:
                raise unreadable(line)
            yield _split(line)

    def close(self) -> None:
        self._stream.close()


def whole_lines(parts: Iterable[tuple[int, bytes]]) -> Iterator[tuple[int, bytes]]:
    """`frames` → (their number, line without its end); what no line end follows does not come."""
    pending: dict[int, bytearray] = {}
    for source, payload in parts:
        kept = pending.setdefault(source, bytearray())
        kept += payload
        while (end := kept.find(b"\n")) >= 0:
            yield source, bytes(kept[:end])
            del kept[: end + 1]
        if len(kept) > _MOST_LINE_BYTES:
            yield source, bytes(kept)
            kept.clear()


def frames(more: Callable[[], bytes]) -> Iterator[tuple[int, bytes]]:
    """(1 stdout, 2 stderr, or ENGINE; payload), a large one in parts. `more`: what has come; b"" at the end."""
    received, stream, left = bytearray(), 0, 0
    while data := more():
        received += data
        while received:
            if left == 0:
                if len(received) < _HEAD_BYTES:
                    break
                stream, left = received[0], int.from_bytes(received[4:_HEAD_BYTES], "big")
                del received[:_HEAD_BYTES]
            part = bytes(received[:left])
            del received[: len(part)]
            left -= len(part)
            if part:
                yield stream, part


def unreadable(words: bytes) -> UnreadableLogError:
    return UnreadableLogError(
        f"the engine cannot read the end of the log: {words.decode(errors='replace').strip()}",
        hint="a new container has a new log: jetson-deploy up --force",
        code="log-unreadable",
    )


def chunk(stream: Stream) -> bytes:
    return stream.read1(_READ_BYTES)


def _more(stream: Stream) -> bytes:
    try:
        return chunk(stream)
    except (OSError, ValueError, AttributeError, http.client.HTTPException):
        # Closed by another thread, or the engine went away: AttributeError is http.client's word for the first.
        return b""


def unframed(body: bytes) -> tuple[bytes, bytes]:
    """The log, and the engine's own words, without the 8-byte heads of its frames (a container without TTY); the last
    may be cut."""
    found, words, at = bytearray(), bytearray(), 0
    while at + _HEAD_BYTES <= len(body):
        size = int.from_bytes(body[at + 4 : at + _HEAD_BYTES], "big")
        part = words if body[at] == ENGINE else found
        part += body[at + _HEAD_BYTES : at + _HEAD_BYTES + size]
        at += _HEAD_BYTES + size
    return bytes(found), bytes(words)


def unix_text(stamp: str) -> str | None:
    """`2026-11-25T16:42:27.123456789Z` → `1795624947.123456789`, all digits kept; None: it is no time."""
    whole, dot, fraction = stamp.removesuffix("Z").partition(".")
    if not stamp.endswith("Z") or (dot and not fraction.isdigit()):
        return None
    try:
        seconds = int(datetime.fromisoformat(whole + "+00:00").timestamp())
    except ValueError:
        return None
    return f"{seconds}.{(fraction or '0').ljust(9, '0')[:9]}"


def _split(line: bytes) -> tuple[str, str]:
    stamp, space, text = line.rstrip(b"\r").partition(b" ")
    return (
        (stamp.decode(errors="replace"), text.decode(errors="replace"))
        if space
        else ("", stamp.decode(errors="replace"))
    )
