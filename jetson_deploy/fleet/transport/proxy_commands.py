"""What ProxyCommand names: one process for each connection, ended and waited for whatever became of the connection.

asyncssh would start it too. But it takes what the command says on standard error for the device's own bytes, and
leaves the end of the process to asyncio, which does not wait for it and may write lines of its own about it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
from collections.abc import Callable, Sequence
from typing import IO, Any, TypeAlias

import asyncssh

from jetson_deploy.fleet.said import last_line

KEPT = 4096
"""Bytes of what a command said last, for the message."""
LOOK = 0.01
LAST_WAIT = 1.0
"""Seconds for the kernel, after SIGKILL."""


class ProxyCommands:
    def __init__(self, ending: float) -> None:
        self._ending = ending
        self._open: dict[ProxyProcess, asyncio.Task[None] | None] = {}

    def tunnel(self, argv: Sequence[str]) -> ProxyTunnel:
        return ProxyTunnel(argv, self)

    def opened(self, process: ProxyProcess) -> None:
        self._open[process] = None

    def end(self, process: ProxyProcess) -> None:
        """Begins its end; more than once is once."""
        if process in self._open and self._open[process] is None:
            task = self._open[process] = asyncio.ensure_future(process.ended(self._ending))
            task.add_done_callback(lambda _: self._open.pop(process, None))

    async def close(self) -> None:
        """Returns when no process is left, within twice the bound."""
        for process in tuple(self._open):
            self.end(process)
        await asyncio.gather(*(task for task in self._open.values() if task is not None), return_exceptions=True)


class ProxyTunnel:
    """Stands where asyncssh takes the connection to a jump host."""

    def __init__(self, argv: Sequence[str], commands: ProxyCommands) -> None:
        self._argv = argv
        self._commands = commands
        self._said = b""

    @property
    def said(self) -> str:
        """Of what a command said on standard error; empty: nothing."""
        return last_line(self._said)

    async def create_connection(
        self, session_factory: Callable[[], Any], remote_host: str, remote_port: int
    ) -> tuple[Any, Any]:
        session = session_factory()
        process = ProxyProcess(self._argv, self._commands.end)
        self._commands.opened(process)
        try:
            await process.serve(session, self._keep)
        except BaseException:
            self._commands.end(process)
            raise
        return process, session

    def close(self) -> None:
        """The connections end their own processes."""

    async def wait_closed(self) -> None:
        """ProxyCommands.close waits for all."""

    def _keep(self, said: bytes) -> None:
        self._said = (self._said + said)[-KEPT:]


Tunnel: TypeAlias = "asyncssh.SSHClientConnection | ProxyTunnel"
"""To the device: through a jump host, or a command."""


def command_said(tunnel: Tunnel | None) -> str:
    return tunnel.said if isinstance(tunnel, ProxyTunnel) else ""


class ProxyProcess:
    """One that runs: asyncssh's transport for one connection."""

    def __init__(self, argv: Sequence[str], end: Callable[[ProxyProcess], None]) -> None:
        self._process = subprocess.Popen(
            argv,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            bufsize=0,
        )
        self._end = end
        self._pipes: list[Pipe] = []

    async def serve(self, session: asyncssh.SSHClientConnection, said: Callable[[bytes], None]) -> None:
        """The session learns of the process before its first byte, and before its end."""
        loop, process, lost = asyncio.get_running_loop(), self._process, session.connection_lost
        to, of = Pipe(process.stdin, lost=lost), Pipe(process.stdout, session.data_received, lost)
        beside = Pipe(process.stderr, said)
        self._pipes = [to, of, beside]
        await loop.connect_write_pipe(lambda: to, to.file)
        await loop.connect_read_pipe(lambda: of, of.file)
        await loop.connect_read_pipe(lambda: beside, beside.file)
        session.connection_made(self)  # type: ignore[arg-type] # it asks for no more of a transport than this has
        for pipe in (beside, of, to):
            pipe.begin()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return default

    def write(self, data: bytes) -> None:
        self._pipes[0].write(data)

    def close(self) -> None:
        self._end(self)

    def abort(self) -> None:
        self._end(self)

    async def ended(self, seconds: float) -> None:
        """Ended as ssh ends it, by SIGHUP; what does not listen is killed, with what it started."""
        process = self._process
        try:
            for pipe in self._pipes:
                pipe.close()
            process.send_signal(signal.SIGHUP)
            end_at = asyncio.get_running_loop().time() + seconds
            while process.poll() is None and asyncio.get_running_loop().time() < end_at:
                await asyncio.sleep(LOOK)
        finally:
            if process.poll() is None:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(process.pid, signal.SIGKILL)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(LAST_WAIT)


class Pipe(asyncio.Protocol):
    """One of the three; what comes before `begin` is held."""

    def __init__(
        self,
        file: IO[bytes] | None,
        received: Callable[[bytes], None] = lambda data: None,
        lost: Callable[[Exception | None], None] = lambda error: None,
    ) -> None:
        self.file = file
        self._received = received
        self._lost = lost
        self._held: list[Callable[[], None]] | None = []
        self._transport: asyncio.BaseTransport | None = None
        self._closed = False

    def begin(self) -> None:
        held, self._held = self._held or [], None
        for tell in held:
            tell()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        if self._closed:
            self.close()

    def data_received(self, data: bytes) -> None:
        self._tell(lambda: self._received(data))

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._tell(lambda: self._lost(exc))

    def write(self, data: bytes) -> None:
        if isinstance(self._transport, asyncio.WriteTransport):
            self._transport.write(data)

    def close(self) -> None:
        """At once: what was not taken yet is dropped."""
        self._closed = True
        if self._transport is None:
            if self.file is not None:
                self.file.close()
        elif not self._transport.is_closing():
            if isinstance(self._transport, asyncio.WriteTransport):
                self._transport.abort()
            else:
                self._transport.close()

    def _tell(self, tell: Callable[[], None]) -> None:
        if self._held is None:
            tell()
        else:
            self._held.append(tell)
