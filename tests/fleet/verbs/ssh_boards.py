"""Devices behind SSH servers on loopback, each with a script in the tool's place, and the command line over them."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec
from hostile import Shown, run
from loopback_server import HERE, Server, none_left, served

SYSTEMD_RUN = '#!/bin/sh\nwhile [ "$1" != -- ]; do shift; done\nshift\nexec "$@"\n'


class Boards(msgspec.Struct):
    folder: Path

    def words(self, verb: str, *further: str) -> tuple[str, ...]:
        """Of the command line."""
        fleet, config = str(self.folder / "fleet.yaml"), str(self.folder / "config")
        return ("fleet", verb, "-i", fleet, "--ssh-config", config, *further)

    def fleet(self, verb: str, *further: str) -> Shown:
        return run(*self.words(verb, *further))


@contextlib.contextmanager
def boards(folder: Path, scripts: Mapping[str, str], absent: tuple[str, ...] = ()) -> Iterator[Boards]:
    """`scripts`: device → what stands there for the tool, as shell; `absent`: devices where nothing listens."""
    ready, over = threading.Event(), asyncio.Event()
    loop = asyncio.new_event_loop()
    servers: dict[str, Server] = {}

    async def serve() -> None:
        async with contextlib.AsyncExitStack() as stack:
            for name, script in scripts.items():
                path = _program(folder / name, script)
                greeting = f"PATH={folder / name}:$PATH; "
                servers[name] = await stack.enter_async_context(
                    served(folder / name, tool=str(path), greeting=greeting)
                )
            _files(folder, servers, absent)
            ready.set()
            await over.wait()
        await none_left()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()))
    thread.start()
    try:
        if not ready.wait(20):
            raise TimeoutError("the servers do not listen")
        yield Boards(folder)
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join()
        loop.close()


def _program(folder: Path, script: str) -> Path:
    folder.mkdir(parents=True)
    for name, text in (("tool", f"#!/bin/sh\n{script}\n"), ("systemd-run", SYSTEMD_RUN)):
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    return folder / "tool"


def _files(folder: Path, servers: Mapping[str, Server], absent: tuple[str, ...]) -> None:
    ports = {**{name: server.port for name, server in servers.items()}, **dict.fromkeys(absent, 9)}
    hosts = "".join(f"  {name}: {{address: {HERE}, port: {port}, user: root}}\n" for name, port in ports.items())
    (folder / "fleet.yaml").write_text(f"hosts:\n{hosts}")
    known = "".join(server.known_hosts.read_text() for server in servers.values())
    (folder / "known_hosts").write_text(known)
    keys = "".join(f"  IdentityFile {server.folder / 'id'}\n" for server in servers.values())
    (folder / "config").write_text(
        f"Host *\n  UserKnownHostsFile {folder / 'known_hosts'}\n  GlobalKnownHostsFile none\n{keys}"
        "  IdentitiesOnly yes\n  IdentityAgent none\n"
    )
