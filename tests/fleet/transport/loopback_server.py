"""An SSH server of the test's own process on loopback, and a transport that knows it. Commands run in a real shell."""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar

import asyncssh
import msgspec

from jetson_deploy.fleet.connect_options import Bounds
from jetson_deploy.fleet.connection import Connection, Transport
from jetson_deploy.fleet.device import Device
from jetson_deploy.fleet.opened import open_transport

Result = TypeVar("Result")
HERE = "127.0.0.1"
TOOL = "/usr/local/bin/jetson-deploy"
QUICK = Bounds(login=10, name=1, settings=10, start=10, ending=0.3, stall=5, login_tries=3)


class Server(msgspec.Struct, kw_only=True):
    folder: Path
    host_key: asyncssh.SSHKey
    user_key: asyncssh.SSHKey
    greeting: str = ""
    """What the login shell's own files run before the command."""
    tool: str = ""
    """A program that stands for the tool on the device."""
    drops: int = 0
    """So many connections are closed before the login."""
    wrong_key: bool = False
    """Whoever logs in is refused."""
    connections: int = 0
    logging_in: int = 0
    most_at_once: int = 0
    port: int = 0
    latest: asyncssh.SSHServerConnection | None = None
    all_made: list[asyncssh.SSHServerConnection] = []

    @property
    def device(self) -> Device:
        return Device(name="board", address=HERE, port=self.port)

    @property
    def known_hosts(self) -> Path:
        return self.folder / "known_hosts"

    @property
    def ssh_config(self) -> Path:
        return self.folder / "config"


class OneUser(asyncssh.SSHServer):
    def __init__(self, server: Server) -> None:
        self._server = server

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._server.connections += 1
        self._server.latest = conn
        self._server.all_made.append(conn)
        self._server.logging_in += 1
        self._server.most_at_once = max(self._server.most_at_once, self._server.logging_in)
        if self._server.drops > 0:
            self._server.drops -= 1
            conn.abort()

    def auth_completed(self) -> None:
        self._server.logging_in -= 1

    def public_key_auth_supported(self) -> bool:
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        return not self._server.wrong_key and key.public_data == self._server.user_key.public_data

    def connection_requested(self, dest_host: str, dest_port: int, orig_host: str, orig_port: int) -> bool:
        return True


@contextlib.asynccontextmanager
async def served(folder: Path, **given: Any) -> AsyncIterator[Server]:
    keys = [asyncssh.generate_private_key("ssh-ed25519") for _ in range(2)]
    server = Server(folder=folder, host_key=keys[0], user_key=keys[1], **given)
    listening = await asyncssh.listen(
        HERE,
        0,
        server_factory=lambda: OneUser(server),
        server_host_keys=[server.host_key],
        process_factory=lambda process: shell(process, server.greeting, server.tool),
        encoding=None,
    )
    server.port = listening.get_port()
    write_files(server)
    try:
        yield server
    finally:
        listening.close()
        await listening.wait_closed()
        for connection in server.all_made:  # of a client that is gone, on a busy machine, this end may not know it yet
            connection.abort()
            await connection.wait_closed()


@contextlib.contextmanager
def serving(folder: Path, **given: Any) -> Iterator[Server]:
    """For a test of a command, which has a loop of its own: the server runs in a thread."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    here = served(folder, **given)
    try:
        yield asyncio.run_coroutine_threadsafe(here.__aenter__(), loop).result(20)
        asyncio.run_coroutine_threadsafe(here.__aexit__(None, None, None), loop).result(20)
    finally:
        asyncio.run_coroutine_threadsafe(none_left(), loop).result(60)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def none_left() -> None:
    """The shells of sessions that were cut end with their connection, but not at once: none outlives its loop."""
    while left := asyncio.all_tasks() - {asyncio.current_task()}:
        for task in left:
            task.cancel()
        await asyncio.wait(left)
    await asyncio.sleep(0)


def write_files(server: Server) -> None:
    key = server.folder / "id"
    server.user_key.write_private_key(key)
    key.chmod(0o600)
    server.known_hosts.write_text(known_line(server))
    server.ssh_config.write_text(
        f"Host *\n  UserKnownHostsFile {server.known_hosts}\n  GlobalKnownHostsFile none\n  IdentityFile {key}\n"
        "  IdentitiesOnly yes\n  IdentityAgent none\n"
    )


def known_line(server: Server) -> str:
    return f"[{HERE}]:{server.port} {server.host_key.export_public_key().decode()}"


async def shell(process: asyncssh.SSHServerProcess[bytes], greeting: str, tool: str = "") -> None:
    command = process.command or ""
    running = await asyncio.create_subprocess_exec(
        "/bin/sh",
        "-c",
        f"{greeting}{command.replace(TOOL, tool) if tool else command}",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    out, err = running.stdout, running.stderr
    if running.stdin is None or out is None or err is None:
        raise TypeError("no pipes")
    feeding = asyncio.ensure_future(feed(process, running.stdin))
    try:
        await asyncio.gather(pump(out, process.stdout), pump(err, process.stderr))
        process.stdout.write_eof()  # as sshd: what closes its output may go on
        process.exit(await running.wait())
    except (OSError, asyncssh.Error):
        pass
    finally:
        feeding.cancel()
        await asyncio.gather(feeding, return_exceptions=True)
        if running.returncode is None:
            os.killpg(running.pid, 9)
            await running.wait()
        running._transport.close()  # type: ignore[attr-defined]  # its pipes, which a session of its own may still hold


async def feed(process: asyncssh.SSHServerProcess[bytes], taken: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError, asyncssh.Error):
        while more := await process.stdin.read(1 << 16):
            taken.write(more)
            await taken.drain()
    taken.close()


async def pump(said: asyncio.StreamReader, shown: asyncssh.SSHWriter[bytes]) -> None:
    while more := await said.read(1 << 16):
        shown.write(more)
        await shown.drain()


def with_transport(
    folder: Path,
    act: Callable[[Transport, Server], Coroutine[Any, Any, Result]],
    *,
    bounds: Bounds = QUICK,
    **given: Any,
) -> Result:
    async def acted() -> Result:
        async with served(folder, **given) as server:
            transport = open_transport(ssh_config=server.ssh_config, bounds=bounds)
            try:
                return await act(transport, server)
            finally:
                await transport.close()

    return asyncio.run(acted())


def with_connection(
    folder: Path, act: Callable[[Connection], Coroutine[Any, Any, Result]], *, bounds: Bounds = QUICK, **given: Any
) -> Result:
    async def connected(transport: Transport, server: Server) -> Result:
        async with transport.connect(server.device) as connection:
            return await act(connection)

    return with_transport(folder, connected, bounds=bounds, **given)
