"""Whether a stream of named events (/v1/responses, /v1/messages) came to its end; its tokens are not counted."""

from __future__ import annotations

_ENDS = (b"response.completed", b"response.incomplete", b"response.failed", b"message_stop")
_MOST = 64
"""Of the name of an event; a longer line is data."""


class EventEnd:
    decoding = False

    def __init__(self, *, events: bool) -> None:
        self._events, self._said = events, False
        self._part = b""

    def body(self, data: bytes, now: float) -> None:
        first, *rest = data.split(b"\n")
        lines = [self._part + first, *rest]
        self._part = lines.pop()[:_MOST]
        self._said = self._said or any(_is_end(line) for line in lines)

    def end(self, now: float, *, whole: bool) -> bool:
        return self._said or _is_end(self._part) if self._events else whole


def _is_end(line: bytes) -> bool:
    name, _, value = line.partition(b":")
    return name == b"event" and value.strip() in _ENDS
