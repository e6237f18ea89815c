"""One unit on one device: asked for, started, its lines read. Everything is asked with a bound."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import msgspec

from jetson_deploy.fleet.connection import Connection
from jetson_deploy.fleet.failure import DeviceError
from jetson_deploy.fleet.job import scripts
from jetson_deploy.fleet.job.folder import (
    STATE_DIRECTORY,
    STATE_VARIABLE,
    Before,
    JobResult,
    Wanted,
    folder_of,
)
from jetson_deploy.fleet.said import last_line

ASK_SECONDS = 30.0
"""sudo alone may wait 20 s for a name server."""
START_SECONDS = 60.0
SILENCE_SECONDS = 20.0
"""Four heartbeats."""
NOT_STARTED, NO_SPACE = "not-started", "no-space"
"""Codes of a unit that was not started: nothing was touched."""
_MOST_DIGITS = 16
_ALIVE = ("active", "activating", "deactivating", "reloading")


class BoardAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What the device says of a unit."""

    unit: str
    """As `systemctl is-active`; `unknown`: it gave no answer; `absent`: the device has no systemd."""
    boot: str = ""
    events: int | None = None
    """Bytes; None: no such unit was ever started."""
    before: Before | None = None
    result: JobResult | None = None
    stderr: str = ""
    room_kib: int | None = None
    """Free on the disk of the unit's folder, where that is too little."""

    @property
    def runs(self) -> bool:
        return self.unit in _ALIVE

    @property
    def began(self) -> bool:
        return self.runs or self.result is not None or bool(self.events)


class Unit(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    environment: dict[str, str]

    @property
    def folder(self) -> str:
        return str(folder_of(self.name, self.environment))

    async def ask(self, connection: Connection) -> BoardAnswer:
        """Raises DeviceError `timed-out`, `not-started`."""
        text = scripts.command(scripts.ASK, "jd-ask", self.name, self.folder)
        answer = await connection.run(text, seconds=ASK_SECONDS, root=True)
        return _known(_read_answer(answer.stdout, answer.stderr))

    async def start(self, connection: Connection, tool: str, wanted: Wanted, arguments: tuple[str, ...]) -> BoardAnswer:
        """Once: asked again, it is what it is by now. Raises DeviceError `not-started`, `no-space`, `timed-out`."""
        state = self.environment.get(STATE_VARIABLE) or STATE_DIRECTORY
        text = scripts.command(scripts.START, "jd-start", self.name, self.folder, tool, state, *arguments)
        answer = await connection.run(text, seconds=START_SECONDS, root=True, stdin=msgspec.json.encode(wanted))
        found = _known(_read_answer(answer.stdout, answer.stderr))
        if not found.began and found.room_kib is not None:
            raise _no_space(state, found.room_kib)
        if not found.began:
            raise _not_started(found.stderr.encode() or answer.stderr)
        return found

    def lines(self, connection: Connection, offset: int) -> AsyncIterator[bytes]:
        text = scripts.command(scripts.FOLLOW, "jd-follow", self.name, self.folder, str(offset + 1))
        return connection.lines(text, root=True, silence=SILENCE_SECONDS)


def _read_answer(stdout: bytes, stderr: bytes) -> BoardAnswer:
    """Raises DeviceError `not-started`: it was not said to the end."""
    found: dict[str, bytes] = {}
    for line in stdout.split(b"\n"):
        key, _, value = line.partition(b" ")
        if key.startswith(b"jd-"):
            found[key.decode("ascii", "replace")] = value
    if "jd-end" not in found:
        raise _not_started(stderr or stdout)
    events, room = found.get("jd-events", b"").strip(), found.get("jd-room", b"").strip()
    return BoardAnswer(
        unit=found.get("jd-unit", b"").decode("ascii", "replace"),
        boot=found.get("jd-boot", b"").decode("ascii", "replace"),
        events=_number(events),
        before=_decoded(found.get("jd-before"), Before),
        result=_decoded(found.get("jd-result"), JobResult),
        stderr=found.get("jd-stderr", b"").decode(errors="replace"),
        room_kib=_number(room),
    )


def _number(text: bytes) -> int | None:
    return int(text) if text.isdigit() and len(text) < _MOST_DIGITS else None


def _known(answer: BoardAnswer) -> BoardAnswer:
    """Raises DeviceError `timed-out`: whether the unit runs is not known, and it has no result."""
    if answer.unit != "unknown" or answer.result is not None:
        return answer
    raise DeviceError(
        "its systemd does not say whether the unit runs",
        hint="look at the device's load and memory; the same by hand: systemctl status",
        code="timed-out",
    )


def _not_started(said: bytes) -> DeviceError:
    return DeviceError(
        f"its unit could not be started or asked for: {last_line(said) or 'it said nothing'}",
        hint="is systemd the init there, and the state directory writable? the same by hand: systemctl status",
        code=NOT_STARTED,
    )


def _no_space(state: str, kib: int) -> DeviceError:
    return DeviceError(
        f"its disk is full: {kib} KiB are free at {state}, {scripts.NEED_KIB} are needed to begin",
        hint=f"free space there: df -h {state}; docker system df",
        code=NO_SPACE,
    )


def _decoded(line: bytes | None, kind: type[Any]) -> Any:
    """None: not there, or not to be read."""
    try:
        return None if line is None else msgspec.json.decode(line, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
