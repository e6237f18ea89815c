"""A device that answers what `fleet/job` asks of a unit, from memory; its connections can be cut at any byte."""

from __future__ import annotations

import asyncio
import contextlib
import shlex
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec

from jetson_deploy.fleet.connection import OUTPUT_BYTES, Answer
from jetson_deploy.fleet.device import Device
from jetson_deploy.fleet.failure import ConnectionLostError, DeviceError
from jetson_deploy.fleet.job.folder import Before, JobResult, Wanted

BOOT = "b3e1"


def lost() -> ConnectionLostError:
    return ConnectionLostError("Connection lost", hint="it is asked again", code="connection-lost")


def events_file(events: list[dict[str, Any]], result: JobResult | None) -> bytes:
    """Numbered from 1, a heartbeat before them and the result behind."""
    told: list[dict[str, Any]] = [{"heartbeat": 1.0}, *({"at": 2.0, "event": one} for one in events)]
    if result is not None:
        told.append({"result": result})
    return b"".join(msgspec.json.encode({"n": n, "boot": BOOT, **one}) + b"\n" for n, one in enumerate(told, 1))


class UnitBoard:
    """Also its own Transport."""

    def __init__(self, events: bytes = b"", result: JobResult | None = None, *, unit: str = "inactive") -> None:
        self.device = Device(name="board-1", environment={"JETSON_DEPLOY_REGISTRY": "http://user:hidden@registry"})
        self.events, self.result, self.unit = events, result, unit
        self.before: Before | None = None
        self.room_kib: int | None = None
        """Free on its disk, where that is too little."""
        self.status: dict[str, Any] = {}
        self.status_code = 0
        self.cuts: list[int] = []
        """Bytes that each of the next connections lets through."""
        self.tears = True
        """A cut line is handed on as far as it came."""
        self.lost_at: set[int] = set()
        """Which questions, counted from 1, end without an answer, though they arrived."""
        self.sudo_refused_at = 0
        """Which question, counted from 1, is not put, for want of rights; 0: none."""
        self.killed_at = 0
        """Before which question or reading, counted from 1, the controller is gone; 0: it stays."""
        self.silent: list[bool] = []
        """Which of the next readings end in silence."""
        self.later: list[bytes] = []
        """What is in the file from the next readings on."""
        self.started: list[tuple[str, ...]] = []
        self.wanted: Wanted | None = None
        self.commands: list[str] = []
        self.connects = self.readings = 0
        self.refusals: list[DeviceError] = []
        """What the next logins end in."""

    @contextlib.asynccontextmanager
    async def connect(self, device: Device) -> AsyncIterator[UnitBoard]:
        self.connects += 1
        if self.refusals:
            raise self.refusals.pop(0)
        yield self

    async def close(self) -> None:
        return None

    async def send(self, source: Path, target: str, *, root: bool = False) -> None:
        raise NotImplementedError

    async def run(
        self, command: str, *, seconds: float, stdin: bytes = b"", root: bool = False, limit: int = OUTPUT_BYTES
    ) -> Answer:
        self.commands.append(command)
        self._killed(len(self.commands) + self.readings)
        if len(self.commands) == self.sudo_refused_at:
            raise DeviceError("sudo wants a password", hint="give it", code="sudo-refused")
        _, _, _, _, name, *arguments = shlex.split(command)
        stdout = {"jd-ask": self._ask, "jd-start": self._start, "jd-tool": self._tool}[name](arguments, stdin)
        if len(self.commands) in self.lost_at:
            raise lost()
        if name == "jd-tool":
            return Answer(exit_status=self.status_code, stdout=stdout, stderr=b"")
        return Answer(exit_status=0, stdout=b"Welcome to board-1!\n" + stdout, stderr=b"")

    async def lines(self, command: str, *, root: bool = False, silence: float) -> AsyncIterator[bytes]:
        offset = int(shlex.split(command)[-1]) - 1
        self.events += self.later.pop(0) if self.later and self.readings else b""
        self.readings += 1
        self._killed(len(self.commands) + self.readings)
        whole = self.events[offset:]
        cut = self.cuts.pop(0) if self.cuts else len(whole)
        arrived = whole[:cut]
        *full, rest = arrived.split(b"\n")
        for line in full:
            yield line
        if cut < len(whole):
            if rest and self.tears:
                yield rest
            raise lost()
        if self.silent and self.silent.pop(0):
            raise DeviceError("no byte for 20 s", hint="it is asked again", code="timed-out")

    def _killed(self, question: int) -> None:
        if question == self.killed_at:
            raise asyncio.CancelledError

    def _ask(self, arguments: list[str], stdin: bytes) -> bytes:
        lines = [f"jd-unit {self.unit}".encode(), f"jd-boot {BOOT}".encode()]
        if self.events or self.started:
            lines.append(f"jd-events {len(self.events)}".encode())
        if self.before is not None:
            lines.append(b"jd-before " + msgspec.json.encode(self.before))
        if self.result is not None:
            lines.append(b"jd-result " + msgspec.json.encode(self.result))
        if self.room_kib is not None:
            lines.append(f"jd-room {self.room_kib}".encode())
        return b"\n".join([*lines, b"jd-end", b""])

    def _start(self, arguments: list[str], stdin: bytes) -> bytes:
        known = self._ask(arguments, stdin)
        if self.unit != "active" and self.result is None and not self.started and self.room_kib is None:
            self.started.append(tuple(arguments))
            self.wanted = msgspec.json.decode(stdin, type=Wanted)
            self.begin()
            return f"jd-unit active\njd-boot {BOOT}\njd-events 0\njd-end\n".encode()
        return known

    def begin(self) -> None:
        """What the runner does; tests replace it by what it leaves."""
        self.unit = "active"

    def _tool(self, arguments: list[str], stdin: bytes) -> bytes:
        return msgspec.json.format(msgspec.json.encode(self.status), indent=2)


async def no_pause(seconds: float) -> None:
    return None
