"""ProxyCommand: what it says and how it ends is no matter of the connection, and no process of it is left."""

from __future__ import annotations

import asyncio
import logging
import sys
from pathlib import Path
from typing import cast

import msgspec
import pytest
from loopback_server import QUICK, Server, with_transport

from jetson_deploy.fleet.connection import Transport
from jetson_deploy.fleet.device import Device
from jetson_deploy.fleet.failure import ConnectionLostError, DeviceError
from jetson_deploy.fleet.host_keys import HostKeys, Offer

BOARD = Device(name="board", address="board.invalid")
STUBBORN = """
import os, signal, socket, sys, threading, time
signal.signal(signal.SIGHUP, signal.SIG_IGN)
with open(sys.argv[1], "a") as pids:
    print(os.getpid(), file=pids)
print("SSH-1.0-no words of the device", file=sys.stderr, flush=True)
there = socket.create_connection(("127.0.0.1", int(sys.argv[2])))
def pump():
    try:
        while data := there.recv(65536):
            os.write(1, data)
    finally:
        os.close(1)
threading.Thread(target=pump, daemon=True).start()
while data := os.read(0, 65536):
    there.sendall(data)
time.sleep(600)
"""
"""It goes on when its input ends, when the device is gone, and when it is told to end."""


def through(server: Server, command: str) -> None:
    with server.ssh_config.open("r+") as file:
        rest = file.read()
        file.seek(0)
        file.write(f"Host board.invalid\n  HostKeyAlias here\n  ProxyCommand {command}\n{rest}")
    server.known_hosts.write_text(f"here {server.host_key.export_public_key().decode()}")


def stubborn(server: Server) -> None:
    script = server.folder / "proxy.py"
    script.write_text(STUBBORN)
    through(server, f"{sys.executable} -S -E {script} {server.folder / 'pids'} {server.port}")


def no_process_is_left(folder: Path) -> int:
    pids = (folder / "pids").read_text().split()
    assert [pid for pid in pids if Path("/proc", pid).exists()] == []
    return len(pids)


def test_a_command_that_does_not_end_by_itself_is_ended(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def act(transport: Transport, server: Server) -> bytes:
        stubborn(server)
        async with transport.connect(BOARD) as connection:
            return (await connection.run("echo here", seconds=5)).stdout

    with caplog.at_level(logging.WARNING):
        assert with_transport(tmp_path, act) == b"here\n"
    assert no_process_is_left(tmp_path) == 1
    assert caplog.messages == []


def test_the_command_of_a_connection_that_was_lost_is_ended(tmp_path: Path) -> None:
    async def act(transport: Transport, server: Server) -> None:
        stubborn(server)
        async with transport.connect(BOARD) as connection:
            if server.latest is not None:
                server.latest.abort()
            await connection.run("sleep 9", seconds=5)

    with pytest.raises(ConnectionLostError):
        with_transport(tmp_path, act)
    assert no_process_is_left(tmp_path) == 1


def test_the_commands_of_refused_logins_and_of_a_first_contact_are_ended(tmp_path: Path) -> None:
    async def act(transport: Transport, server: Server) -> Offer:
        stubborn(server)
        with pytest.raises(DeviceError, match="refuses a login"):
            async with transport.connect(BOARD):
                pass
        return await cast(HostKeys, transport).offered(BOARD)

    assert with_transport(tmp_path, act, wrong_key=True).standing == "known"
    assert no_process_is_left(tmp_path) == 4


def test_a_command_that_fails_is_named_with_what_it_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def act(transport: Transport, server: Server) -> None:
        through(server, "sh -c 'echo no way to it >&2; exit 1'")
        async with transport.connect(BOARD):
            pass

    with caplog.at_level(logging.WARNING), pytest.raises(DeviceError) as caught:
        with_transport(tmp_path, act, bounds=msgspec.structs.replace(QUICK, login_tries=2))
    message = "the ProxyCommand of board.invalid ended before the login, each time: no way to it"
    assert (caught.value.code, caught.value.message) == ("unreachable", message)
    assert caplog.messages == []


def test_a_command_under_way_is_ended_with_a_cancelled_login(tmp_path: Path) -> None:
    async def act(transport: Transport, server: Server) -> None:
        through(server, f"sh -c 'echo $$ > {tmp_path / 'pids'}; trap \"\" HUP; sleep 600'")

        async def connect() -> None:
            async with transport.connect(BOARD):
                pass

        task = asyncio.ensure_future(connect())
        while not (tmp_path / "pids").exists() or not (tmp_path / "pids").read_text():
            await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    with_transport(tmp_path, act)
    assert no_process_is_left(tmp_path) == 1
