"""A `Transport` into another PID and mount namespace instead of over SSH: the same shell text, the same root."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

from jetson_deploy.fleet.connection import OUTPUT_BYTES, Answer
from jetson_deploy.fleet.device import Device
from jetson_deploy.fleet.failure import ConnectionLostError, DeviceError


class NamespaceTransport:
    """`cut`: ends every connection as a lost link does, whatever runs in it."""

    def __init__(self, pid: int) -> None:
        self._enter = ["nsenter", f"--target={pid}", "--mount", "--pid", "--net", "sh", "-c"]
        self._open: set[asyncio.subprocess.Process] = set()
        self._cut = False
        self.device = Device(name="?")

    @contextlib.asynccontextmanager
    async def connect(self, device: Device) -> AsyncIterator[NamespaceTransport]:
        self._cut = False
        self.device = device
        yield self

    async def close(self) -> None:
        return None

    def cut(self) -> None:
        self._cut = True
        for process in self._open:
            ended(process)

    async def send(self, source: Path, target: str, *, root: bool = False) -> None:
        raise NotImplementedError

    async def run(
        self, command: str, *, seconds: float, stdin: bytes = b"", root: bool = False, limit: int = OUTPUT_BYTES
    ) -> Answer:
        async with self._process(command) as process:
            stdout, stderr = await asyncio.wait_for(process.communicate(stdin), seconds)
        self._raise_cut()
        return Answer(exit_status=process.returncode or 0, stdout=stdout, stderr=stderr)

    async def lines(self, command: str, *, root: bool = False, silence: float) -> AsyncIterator[bytes]:
        async with self._process(command) as process:
            while True:
                if process.stdout is None:
                    raise RuntimeError("without a pipe")
                try:
                    line = await asyncio.wait_for(process.stdout.readline(), silence)
                except asyncio.TimeoutError:
                    raise DeviceError("silence", hint="-", code="timed-out") from None
                if not line.endswith(b"\n"):
                    break
                yield line[:-1]
        self._raise_cut()

    @contextlib.asynccontextmanager
    async def _process(self, command: str) -> AsyncIterator[asyncio.subprocess.Process]:
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(
            *self._enter, command, stdin=pipe, stdout=pipe, stderr=pipe, limit=1 << 20, start_new_session=True
        )
        self._open.add(process)
        try:
            yield process
        finally:
            self._open.discard(process)
            ended(process)
            await process.communicate()

    def _raise_cut(self) -> None:
        if self._cut:
            raise ConnectionLostError("Connection lost", hint="-", code="connection-lost")


def ended(process: asyncio.subprocess.Process) -> None:
    """With what nsenter started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
