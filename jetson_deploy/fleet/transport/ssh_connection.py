"""Commands, lines and files over one connection to a device."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncssh

from jetson_deploy.fleet.connect_options import Bounds
from jetson_deploy.fleet.connection import OUTPUT_BYTES, Answer
from jetson_deploy.fleet.device import Device
from jetson_deploy.fleet.failure import DeviceError
from jetson_deploy.fleet.transport.refusals import lost
from jetson_deploy.fleet.transport.remote_process import RemoteProcess, begun, exported, new_mark, passed_greeting
from jetson_deploy.fleet.transport.sending import send
from jetson_deploy.fleet.transport.sudo import Sudo

LONGEST_LINE = 1 << 20
SESSION_TRIES = 5


class SshConnection:
    def __init__(self, device: Device, connection: asyncssh.SSHClientConnection, sudo: Sudo, bounds: Bounds) -> None:
        self._device = device
        self._connection = connection
        self._sudo = sudo
        self._bounds = bounds
        self._places = asyncio.Semaphore(bounds.sessions_at_once)

    @property
    def device(self) -> Device:
        return self._device

    async def run(
        self,
        command: str,
        *,
        seconds: float,
        stdin: bytes = b"",
        root: bool = False,
        limit: int = OUTPUT_BYTES,
    ) -> Answer:
        async with self.process(command, root=root) as process:
            try:
                return await asyncio.wait_for(answer(process, stdin, limit), seconds)
            except asyncio.TimeoutError:
                raise timed_out(f"it gave no end within {seconds:g} s") from None

    async def lines(self, command: str, *, root: bool = False, silence: float) -> AsyncIterator[bytes]:
        async with self.process(command, root=root) as process:
            process.end_of_input()
            unread = asyncio.ensure_future(process.stderr.all(0))
            try:
                rest, too_long = b"", False
                while True:
                    try:
                        more = await asyncio.wait_for(process.stdout.read(), silence)
                    except asyncio.TimeoutError:
                        raise timed_out(f"it said nothing for {silence:g} s") from None
                    if not more:
                        break
                    *whole, rest = (rest + more).split(b"\n")
                    for line in whole:
                        if not too_long:
                            yield line[:LONGEST_LINE]
                        too_long = False
                    if len(rest) > LONGEST_LINE:
                        if not too_long:
                            yield rest[:LONGEST_LINE]
                        rest, too_long = b"", True
                try:
                    await asyncio.wait_for(process.exit_status(), silence)
                except asyncio.TimeoutError:
                    raise timed_out(f"it did not end within {silence:g} s of its last line") from None
                if rest:
                    yield rest
            finally:
                unread.cancel()
                await asyncio.gather(unread, return_exceptions=True)

    async def send(self, source: Path, target: str, *, root: bool = False) -> None:
        await send(self, source, target, root=root, stall=self._bounds.stall)

    @asynccontextmanager
    async def process(self, command: str, *, root: bool) -> AsyncIterator[RemoteProcess]:
        """One that runs; its end is waited for a moment. Raises ConnectionLostError for all that asyncssh raises."""
        async with self._places:
            try:
                process = await self._running(command, root)
                try:
                    yield process
                finally:
                    await process.ended(self._bounds.ending)
            except (asyncssh.Error, OSError) as error:
                raise lost(error, "while a command ran there") from None

    async def _running(self, command: str, root: bool) -> RemoteProcess:
        try:
            process = await asyncio.wait_for(self._attempt(command, root), self._bounds.start)
            if process is None:
                process = await asyncio.wait_for(self._attempt(command, root), self._bounds.start)
        except asyncio.TimeoutError:
            why = "sudo" if self._sudo.way(root) else "its login shell"
            raise DeviceError(
                f"{why} began nothing within {self._bounds.start:g} s",
                hint="look whether the host name stands in /etc/hosts there, and at ~/.bashrc",
                code="timed-out",
            ) from None
        if process is None:
            raise self._sudo.wrong_password()
        return process

    async def _attempt(self, command: str, root: bool) -> RemoteProcess | None:
        """None: sudo wants the password."""
        mark, way = new_mark(), self._sudo.way(root)
        process = await self._session(exported(self._device.environment) + command, mark, root)
        runs = False
        try:
            runs = await passed_greeting(process, mark, self._sudo, way)
        finally:
            if not runs:
                await process.ended(self._bounds.ending)
        return process if runs else None

    async def _session(self, command: str, mark: str, root: bool) -> RemoteProcess:
        """MaxSessions may be lower there than we keep to: one that ends makes room."""
        for attempt in range(SESSION_TRIES):
            try:
                return await begun(self._connection, command, mark, self._sudo.way(root))
            except asyncssh.ChannelOpenError as error:
                if self._connection.is_closed():
                    raise
                refused = error
                await asyncio.sleep(0.1 * 2**attempt)
        raise DeviceError(
            f"sshd opens no further session: {refused.reason}",
            hint="look at MaxSessions in sshd_config there",
            code="no-session",
        )


async def answer(process: RemoteProcess, stdin: bytes, limit: int) -> Answer:
    async def feed() -> None:
        await process.write(stdin)
        process.end_of_input()

    _, (stdout, cut), (stderr, cut_too) = await asyncio.gather(
        feed(), process.stdout.all(limit), process.stderr.all(limit)
    )
    status = await process.exit_status()
    return Answer(exit_status=status, stdout=stdout, stderr=stderr, cut=cut or cut_too)


def timed_out(message: str) -> DeviceError:
    return DeviceError(message, hint="it may go on there: look at the device's load and disk", code="timed-out")
