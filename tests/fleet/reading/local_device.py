"""A connection to this machine: what is sent is really run here, by this Python or another shell."""

from __future__ import annotations

import subprocess
import sys
import zlib
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

from jetson_deploy.fleet.connection import OUTPUT_BYTES, Answer, Connection
from jetson_deploy.fleet.device import Device
from jetson_deploy.fleet.failure import DeviceError
from jetson_deploy.fleet.reading.answer import ReadingAnswer, unpack
from jetson_deploy.fleet.reading.script import script


class LocalDevice:
    """`further`: arguments that the reading script gets besides; `environment`: all that its programs see."""

    def __init__(self, further: str = "", environment: Mapping[str, str] | None = None, name: str = "here") -> None:
        self._further, self._device = further, Device(name=name)
        self._environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"} | dict(environment or {})

    @property
    def device(self) -> Device:
        return self._device

    async def run(
        self, command: str, *, seconds: float, stdin: bytes = b"", root: bool = False, limit: int = OUTPUT_BYTES
    ) -> Answer:
        shell = ["/bin/sh", "-c", f"{command} {self._further}"]
        done = subprocess.run(
            shell, input=stdin, capture_output=True, timeout=seconds, env=self._environment, check=False
        )
        code = done.returncode if done.returncode >= 0 else 128 - done.returncode
        return Answer(exit_status=code, stdout=done.stdout[:limit], stderr=done.stderr, cut=len(done.stdout) > limit)

    def lines(self, command: str, *, root: bool = False, silence: float) -> AsyncIterator[bytes]:
        raise NotImplementedError

    async def send(self, source: Path, target: str, *, root: bool = False) -> None:
        raise NotImplementedError


_FORKED = """\
import json, os, sys, zlib
code = compile(sys.stdin.buffer.read(), "sent", "exec")
for source in sys.argv[1:]:
    if os.fork() == 0:
        sys.argv = ["sent", "--from", source]
        exec(code, {})
        sys.stdout.flush()
        os._exit(0)
    os.wait()
"""


MARK = b"\njetson-deploy-reading/1 "


def said_of_roots(roots: Sequence[Path]) -> dict[Path, bytes]:
    """What the script prints of each captured root, in a process of its own that need not load Python again."""
    argv = [sys.executable, "-c", _FORKED, *map(str, roots)]
    done = subprocess.run(argv, input=script(), capture_output=True, check=True, timeout=120)
    answers = done.stdout.split(MARK)[1:]
    return {root: MARK + text for root, text in zip(roots, answers, strict=True)}


def read_roots(roots: Sequence[Path]) -> dict[Path, ReadingAnswer]:
    return {root: unpack(said) for root, said in said_of_roots(roots).items()}


def packed_answer(answer: ReadingAnswer) -> Answer:
    packed = zlib.compress(msgspec.json.encode(answer))
    return Answer(exit_status=0, stdout=MARK + b"%d\n" % len(packed) + packed, stderr=b"")


class CannedDevice(LocalDevice):
    """A connection to a device that gives one answer, whatever is asked."""

    def __init__(self, answer: Answer, name: str = "canned") -> None:
        super().__init__(name=name)
        self._answer = answer

    async def run(
        self, command: str, *, seconds: float, stdin: bytes = b"", root: bool = False, limit: int = OUTPUT_BYTES
    ) -> Answer:
        cut = len(self._answer.stdout) > limit
        return Answer(
            exit_status=self._answer.exit_status,
            stdout=self._answer.stdout[:limit],
            stderr=self._answer.stderr,
            cut=cut or self._answer.cut,
        )


class LocalTransport:
    """Every device is this machine."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment

    @asynccontextmanager
    async def connect(self, device: Device) -> AsyncIterator[Connection]:
        yield LocalDevice(environment=self._environment, name=device.name)

    async def close(self) -> None:
        pass


class CannedTransport:
    """Device → its only answer, or why it cannot be reached."""

    def __init__(self, devices: Mapping[str, Answer | DeviceError]) -> None:
        self._devices = devices

    @asynccontextmanager
    async def connect(self, device: Device) -> AsyncIterator[Connection]:
        answer = self._devices[device.name]
        if isinstance(answer, DeviceError):
            raise answer
        yield CannedDevice(answer, device.name)

    async def close(self) -> None:
        pass
