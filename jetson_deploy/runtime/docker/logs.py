"""A container's log, read in the direction that the engine survives.

A power cut can damage an entry of a log (driver `local`). An engine before 23.0 that is asked for the last lines looks
for them from the end, meets that entry, and its process ends, and with it every container (docker/cli#4617). From the
beginning it reads up to that entry and says why it stops. Newer ones refuse more lines than were written since.
"""

from __future__ import annotations

import http.client
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from urllib.parse import quote, urlencode

from jetson_deploy.runtime.docker.calls import Calls
from jetson_deploy.runtime.docker.followed_log import (
    ENGINE,
    StampedLog,
    chunk,
    frames,
    unframed,
    unix_text,
    unreadable,
    whole_lines,
)

_FROM_END = (1, 42)
"""The API of Docker 23.0."""
_FEWER = 4
_MOST_BYTES = 256 * 1024
"""Of a text."""
_KEPT_BYTES = 4 << 20
_WORDS_SECONDS = 2.0
_BEFORE_ALL = "1970-01-01T00:00:00Z"


class Logs:
    """`runtime/port.py` says what each gives."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def text(self, name: str, tail: int) -> str:
        """With the engine's own words where it cannot read: before the lines where older ones are meant."""
        if self._can_from_end():
            found, words = self._from_end(name, tail)
            found = words + found
        else:
            lines, words = self._from_start(name, tail)
            found = b"".join(line.partition(b" ")[2] + b"\n" for line in lines) + words
        return found[-_MOST_BYTES:].decode(errors="replace")

    def stamped(self, name: str, tail: int) -> list[str]:
        """Raises UnreadableLogError where the last lines cannot be read."""
        if self._can_from_end():
            found, words = self._from_end(name, tail, timestamps=1)
            lines = found.decode(errors="replace").splitlines()
            known = bool(lines)
        else:
            raw, words = self._from_start(name, tail)
            lines = [line.decode(errors="replace") for line in raw]
            known = False
        if words and not known:
            raise unreadable(words)
        return lines

    def followed(self, name: str, tail: int) -> Iterator[bytes]:
        words = b""
        if self._can_from_end():
            for source, payload in self._parts(name, f"following the log of {name}", follow=1, tail=tail):
                words += payload if source == ENGINE else b""
                yield payload
            if not words:
                return
            mark = None
        else:
            mark = _BEFORE_ALL
            lines, words = self._from_start(name, tail)
            for line in lines:
                stamp, _, text = line.partition(b" ")
                mark = stamp.decode(errors="replace")
                yield text + b"\n"
            if words:
                mark = None
                yield words
        seen = mark or ""
        with closing(self.since(name, mark)) as log:
            yield from (f"{text}\n".encode() for stamp, text in log.lines() if stamp > seen)

    def since(self, name: str, mark: str | None) -> StampedLog:
        path = _path(name, follow=1, timestamps=1, **_from(mark))
        return StampedLog(self._calls.stream(f"following the log of {name}", path))

    def _can_from_end(self) -> bool:
        """Asked each time: an engine is replaced while a watcher goes on."""
        answer = self._calls.get("asking the engine for its version", "/version")
        version = str(answer.get("ApiVersion", "")) if isinstance(answer, dict) else ""
        parts = version.split(".")
        return all(part.isdecimal() for part in parts) and tuple(map(int, parts)) >= _FROM_END

    def _from_end(self, name: str, tail: int, **query: int) -> tuple[bytes, bytes]:
        """Lines, and the engine's words where there are not more: then as many as it can read. Where it cannot, it
        says so in every second answer or so; the others are empty."""
        said = b""
        while True:
            path = _path(name, **query, tail=tail)
            found, words = unframed(self._calls.raw(f"reading the log of {name}", path) or b"")
            said = words or said
            if found or tail <= 1:
                return found, said
            tail //= _FEWER

    def _from_start(self, name: str, tail: int) -> tuple[Sequence[bytes], bytes]:
        """The last lines before the entry that the engine cannot read, with their stamps, and its words for that."""
        kept, size, words = deque[bytes](), 0, b""
        for source, line in whole_lines(self._parts(name, f"reading the log of {name}", timestamps=1)):
            if source == ENGINE:
                words = line + b"\n"
                continue
            kept.append(line)
            size += len(line)
            while len(kept) > tail or size > _KEPT_BYTES:
                size -= len(kept.popleft())
        if kept and not words:
            words = self._words_behind(name, kept[-1].partition(b" ")[0].decode(errors="replace"))
        return kept, words

    def _words_behind(self, name: str, last: str) -> bytes:
        """Of the engine, which may leave them out of an answer that ends; of one that goes on it does not. Asked where
        no line is of this run of the container."""
        found = self._calls.get(f"inspecting the container {name}", f"/containers/{quote(name)}/json")
        state = found.get("State") if isinstance(found, dict) else None
        begun = unix_text(str(state.get("StartedAt", ""))) if isinstance(state, dict) and state.get("Running") else None
        written = unix_text(last)
        if begun is None or written is None or float(written) >= float(begun):
            return b""
        path = _path(name, follow=1, timestamps=1, **_from(last))
        with (
            suppress(OSError, http.client.HTTPException),
            closing(self._calls.wire.stream(path, _WORDS_SECONDS, ends=True)) as stream,
        ):
            return next((words for source, words in frames(lambda: chunk(stream)) if source == ENGINE), b"")
        return b""

    def _parts(self, name: str, doing: str, **query: int) -> Iterator[tuple[int, bytes]]:
        path = _path(name, **query)
        with closing(self._calls.stream(doing, path, ends="follow" not in query)) as stream:
            try:
                yield from frames(lambda: chunk(stream))
            except (OSError, http.client.HTTPException) as error:
                raise self._calls.lost(error, doing, self._calls.patience.look) from error


def _from(mark: str | None) -> dict[str, int | str]:
    moment = unix_text(mark) if mark is not None else None
    return {"tail": 0} if moment is None else {"since": moment}


def _path(name: str, **query: int | str) -> str:
    return f"/containers/{quote(name)}/logs?stdout=1&stderr=1&{urlencode(query)}".removesuffix("&")
