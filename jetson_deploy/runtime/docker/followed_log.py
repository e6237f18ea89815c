"""A container's log as it is written: the engine's frames → lines."""

from __future__ import annotations

import contextlib
import http.client
import socket
from collections.abc import Iterator

_MOST_LINE_BYTES = 64 << 10
"""What is longer is cut: a log without line ends must not fill the memory."""
_READ_BYTES = 64 << 10
_HEAD_BYTES = 8


class FollowedLog:
    """Iterate over `lines` in one thread; `close` ends that from another."""

    def __init__(self, link: socket.socket, response: http.client.HTTPResponse) -> None:
        self._link, self._response = link, response
        link.settimeout(None)  # a server that is not asked writes nothing for hours

    def lines(self) -> Iterator[tuple[str, str]]:
        """(time stamp, line) until the container stops, the engine goes away, or `close`. Never raises for these."""
        pending = {1: bytearray(), 2: bytearray()}  # stdout, stderr
        for stream, payload in self._frames():
            kept = pending.setdefault(stream, bytearray())
            kept += payload
            while (end := kept.find(b"\n")) >= 0:
                yield _split(bytes(kept[:end]))
                del kept[: end + 1]
            if len(kept) > _MOST_LINE_BYTES:
                yield _split(bytes(kept))
                kept.clear()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._link.shutdown(socket.SHUT_RDWR)  # first: it ends a read that waits, and closing waits for that
        self._response.close()
        self._link.close()

    def _frames(self) -> Iterator[tuple[int, bytes]]:
        """Payloads, a large one in parts."""
        received, stream, left = bytearray(), 0, 0
        while data := self._more():
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

    def _more(self) -> bytes:
        """What has come; b"" at the end."""
        try:
            return self._response.read1(_READ_BYTES)
        except (OSError, ValueError, AttributeError, http.client.HTTPException):
            # Closed by another thread, or the engine went away: AttributeError is http.client's word for the first.
            return b""


def _split(line: bytes) -> tuple[str, str]:
    stamp, space, text = line.rstrip(b"\r").partition(b" ")
    return (
        (stamp.decode(errors="replace"), text.decode(errors="replace"))
        if space
        else ("", stamp.decode(errors="replace"))
    )
