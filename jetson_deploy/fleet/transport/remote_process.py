"""One process there: found behind what a login shell says first, bounded in output and time, and ended.

Only here is a process of asyncssh made: its own `run` returns normally when the connection is lost, keeps the channel
of a command that took too long, and holds whatever is said in memory.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import shlex
import signal
from collections.abc import Mapping

import asyncssh

from jetson_deploy.errors import InternalError
from jetson_deploy.fleet.failure import DeviceError
from jetson_deploy.fleet.transport.refusals import lost
from jetson_deploy.fleet.transport.sudo import Sudo, Way

LONGEST_COMMAND = 100_000
"""131,072 bytes is the kernel's limit for one argument; at 300,000 sshd drops the connection."""
CHUNK = 64 << 10
KEPT = 4096
"""Of what comes before the command's own output, for messages."""


class Framed:
    """A stream there, from its mark on."""

    def __init__(self, reader: asyncssh.SSHReader[bytes]) -> None:
        self._reader = reader
        self._buffer = b""
        self.before = b""

    async def reach(self, *marks: bytes) -> bytes | None:
        """The mark that came first; None: the stream ended without one."""
        while True:
            found = [(self._buffer.find(mark), mark) for mark in marks if mark in self._buffer]
            if found:
                at, mark = min(found)
                self._keep(self._buffer[:at])
                self._buffer = self._buffer[at + len(mark) :]
                return mark
            self._keep(self._buffer[:-CHUNK])
            self._buffer = self._buffer[-CHUNK:]
            more = await self._reader.read(CHUNK)
            if not more:
                self._keep(self._buffer)
                self._buffer = b""
                return None
            self._buffer += more

    def _keep(self, said: bytes) -> None:
        self.before = (self.before + said)[-KEPT:]

    async def read(self) -> bytes:
        """What came; empty at the end."""
        if self._buffer:
            held, self._buffer = self._buffer, b""
            return held
        return await self._reader.read(CHUNK)

    async def all(self, limit: int) -> tuple[bytes, bool]:
        """At most `limit` bytes, and whether there was more, which is read and dropped."""
        kept, size, cut = [], 0, False
        while more := await self.read():
            part = more[: limit - size]
            cut = cut or len(part) < len(more)
            kept.append(part)
            size += len(part)
        return b"".join(kept), cut


class RemoteProcess:
    """Made by `started`; `ended` must be awaited, whatever happens."""

    def __init__(self, process: asyncssh.SSHClientProcess[bytes], connection: asyncssh.SSHClientConnection) -> None:
        self._process = process
        self._connection = connection
        self.stdout = Framed(process.stdout)
        self.stderr = Framed(process.stderr)

    async def write(self, data: bytes) -> None:
        """What it does not want to read is dropped."""
        with contextlib.suppress(BrokenPipeError):
            for start in range(0, len(data), CHUNK):
                self._process.stdin.write(data[start : start + CHUNK])
                await self._process.stdin.drain()

    def end_of_input(self) -> None:
        with contextlib.suppress(BrokenPipeError, OSError):
            self._process.stdin.write_eof()

    async def exit_status(self) -> int:
        """After its output ended. Raises ConnectionLostError where there is none: what it did is unknown."""
        await self._process.wait_closed()
        status, ended_by = self._process.exit_status, self._process.exit_signal
        if ended_by is not None:
            return 128 + getattr(signal, f"SIG{ended_by[0]}", signal.SIGHUP)
        if status is None:
            raise lost(None, "while a command ran there")
        return status

    async def ended(self, seconds: float) -> None:
        """Its channel is closed; a command that holds it open costs the connection."""
        self._process.close()
        with contextlib.suppress(OSError, asyncssh.Error):
            try:
                await asyncio.wait_for(self._process.wait_closed(), seconds)
            except asyncio.TimeoutError:
                self._connection.abort()


async def begun(connection: asyncssh.SSHClientConnection, command: str, mark: str, sudo: Way | None) -> RemoteProcess:
    """Asked for; `passed_greeting` tells whether it runs."""
    line = wrapped(command, mark, sudo)
    if len(line.encode("utf-8", "surrogateescape")) > LONGEST_COMMAND:
        raise InternalError(
            f"a command of {len(line)} characters was to be given to a device",
            hint="report this; scripts go by standard input",
            code="command-too-long",
        )
    process = await connection.create_process(line, encoding=None, errors="replace")
    return RemoteProcess(process, connection)


def new_mark() -> str:
    return f"jd-{secrets.token_hex(8)}"


def exported(environment: Mapping[str, str]) -> str:
    """In front of a command: the inventory's variables for it."""
    return "".join(f"export {name}={shlex.quote(value)}\n" for name, value in environment.items())


def wrapped(command: str, mark: str, sudo: Way | None) -> str:
    """Behind marks on both streams, whatever ~/.bashrc prints, and whatever shell reads it first."""
    script = f"printf '%s\\n' {mark}; printf '%s\\n' {mark} >&2\n{command}"
    return f"exec {sudo.words(mark) if sudo else ''}/bin/sh -c {shlex.quote(script)}"


async def passed_greeting(process: RemoteProcess, mark: str, sudo: Sudo, way: Way | None) -> bool:
    """The command runs from here on. False: sudo wants the password, ask again with it. Raises DeviceError."""
    end, prompt = f"{mark}\n".encode(), f"{mark}:".encode()
    found = await process.stderr.reach(end, prompt)
    if found == prompt and way is not None:
        await process.write(way.password_line())
        found = await process.stderr.reach(end, prompt)
        if found == prompt:
            raise sudo.wrong_password()
    if found == end and await process.stdout.reach(end) is not None:
        return True
    await process.stdout.reach(end)
    status = await process.exit_status()
    if way is None:
        raise no_command(process, status)
    return sudo.refused(process.stderr.before, process.stdout.before, status, way)


def no_command(process: RemoteProcess, status: int) -> DeviceError:
    said = (process.stdout.before + process.stderr.before).decode("utf-8", "replace").split("\n")
    heard = next((line.strip() for line in said if line.strip()), "")
    return DeviceError(
        f"its login shell ended with {status} before the command ran" + (f"; it said: {heard[:200]}" if heard else ""),
        hint="look at ~/.bashrc and the login shell there: `ssh HOST true` must print nothing and end with 0",
        code="banner",
    )


async def ended_connection(connection: asyncssh.SSHClientConnection, seconds: float) -> None:
    connection.close()
    with contextlib.suppress(OSError, asyncssh.Error):
        try:
            await asyncio.wait_for(connection.wait_closed(), seconds)
        except asyncio.TimeoutError:
            connection.abort()
