"""The log of a unit, from journald: its lines with their time stamps, as they are written or all that there is."""

from __future__ import annotations

import os
import select
import subprocess
from collections.abc import Callable, Iterator
from datetime import datetime, timezone

import msgspec

FIELDS = ("--output=json", "--output-fields=MESSAGE")
_MOST_LINE_BYTES = 64 << 10
_LOOK_SECONDS = 1.0
"""Between two looks at whether the server still runs, while it writes nothing."""
_MICROSECONDS = 1_000_000


class _Entry(msgspec.Struct, frozen=True, kw_only=True):
    at: str = msgspec.field(name="__REALTIME_TIMESTAMP", default="0")
    message: str | list[int] | None = msgspec.field(name="MESSAGE", default=None)
    """Bytes, where it is no UTF-8; None: journalctl left out a long one."""


def of_unit(unit: str) -> tuple[str, ...]:
    """What it wrote, without what systemd says of it."""
    return (f"_SYSTEMD_UNIT={unit}", *FIELDS)


def entries(text: str) -> Iterator[tuple[str, str]]:
    """(time stamp, line) of journalctl's answer."""
    for line in text.splitlines():
        if (found := entry(line.encode())) is not None:
            yield found


def entry(line: bytes) -> tuple[str, str] | None:
    """None: no entry of a journal."""
    try:
        found = msgspec.json.decode(line, type=_Entry)
        at = datetime.fromtimestamp(int(found.at) // _MICROSECONDS, tz=timezone.utc)
    except (msgspec.MsgspecError, ValueError, OverflowError, OSError):
        return None
    message = found.message if found.message is not None else ""
    text = message if isinstance(message, str) else bytes(b & 255 for b in message).decode(errors="replace")
    return f"{at:%Y-%m-%dT%H:%M:%S}.{int(found.at) % _MICROSECONDS:06}Z", text[:_MOST_LINE_BYTES]


def since(mark: str) -> str:
    """journalctl's option for what came from that time stamp on."""
    seconds, _, rest = mark.removesuffix("Z").partition(".")
    at = datetime.fromisoformat(seconds).replace(tzinfo=timezone.utc)
    return f"--since=@{int(at.timestamp())}.{rest[:6].ljust(6, '0')}"


class UnitLog:
    """See `FollowedLog` of the port. `running`: whether the run that is followed goes on."""

    def __init__(self, process: subprocess.Popen[bytes], running: Callable[[], bool]) -> None:
        self._process, self._running, self._closed = process, running, False

    def lines(self) -> Iterator[tuple[str, str]]:
        pending = bytearray()
        while data := self._more():
            pending += data
            while (end := pending.find(b"\n")) >= 0:
                if (found := entry(bytes(pending[:end]))) is not None:
                    yield found
                del pending[: end + 1]
            if len(pending) > 8 * _MOST_LINE_BYTES:
                pending.clear()

    def close(self) -> None:
        self._closed = True
        self._process.kill()
        self._process.wait()

    def _more(self) -> bytes:
        """b"": closed, or the server has stopped and all that it wrote was read."""
        out = self._process.stdout
        while out is not None and not self._closed:
            runs = self._running()  # before the look: what it wrote last is then there to be read
            if select.select([out], [], [], _LOOK_SECONDS)[0]:
                return os.read(out.fileno(), _MOST_LINE_BYTES)
            if not runs:
                return b""
        return b""
