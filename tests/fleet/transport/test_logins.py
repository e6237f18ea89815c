"""Logins: shared places, tries after a drop, keys that cannot be read, and secrets that stay hidden."""

from __future__ import annotations

import asyncio
import logging
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
from loopback_server import QUICK, Server, with_transport

from jetson_deploy.fleet.connect_options import ConnectOptions
from jetson_deploy.fleet.connection import Transport
from jetson_deploy.fleet.device import Device
from jetson_deploy.fleet.failure import NOT_REACHED, DeviceError
from jetson_deploy.fleet.secret import Secret


async def greeted(transport: Transport, device: Device) -> bytes:
    async with transport.connect(device) as connection:
        return (await connection.run("echo here", seconds=5)).stdout


def refused(tmp_path: Path, config: str, **given: Any) -> DeviceError:
    async def act(transport: Transport, server: Server) -> bytes:
        server.ssh_config.write_text(f"{config.format(folder=tmp_path)}\n{server.ssh_config.read_text()}")
        return await greeted(transport, server.device)

    with pytest.raises(DeviceError) as caught:
        with_transport(tmp_path, act, **given)
    assert caught.value.code in NOT_REACHED
    return caught.value


def test_a_login_that_is_dropped_is_tried_again(tmp_path: Path) -> None:
    async def act(transport: Transport, server: Server) -> tuple[bytes, int]:
        return await greeted(transport, server.device), server.connections

    assert with_transport(tmp_path, act, drops=2) == (b"here\n", 3)


def test_a_login_that_is_always_dropped_ends(tmp_path: Path) -> None:
    error = refused(tmp_path, "", drops=99, bounds=msgspec.structs.replace(QUICK, login_tries=2))
    assert "MaxStartups" in error.hint


def test_at_most_eight_log_in_at_once_to_one_address(tmp_path: Path) -> None:
    async def act(transport: Transport, server: Server) -> int:
        await asyncio.gather(*(greeted(transport, server.device) for _ in range(12)))
        return server.most_at_once

    assert with_transport(tmp_path, act) <= 8


def test_a_server_that_says_nothing_is_given_up(tmp_path: Path) -> None:
    async def act(transport: Transport, server: Server) -> None:
        taken: list[asyncio.StreamWriter] = []
        silent = await asyncio.start_server(lambda _, writer: taken.append(writer), "127.0.0.1", 0)
        try:
            port = silent.sockets[0].getsockname()[1]
            await greeted(transport, Device(name="silent", address="127.0.0.1", port=port))
        finally:
            taken[0].close()
            silent.close()
            await silent.wait_closed()

    with pytest.raises(DeviceError, match=r"no login within 0\.2 s") as caught:
        with_transport(tmp_path, act, bounds=msgspec.structs.replace(QUICK, login=0.2))
    assert caught.value.code == "unreachable"


def test_a_refused_login_says_as_whom_and_with_what(tmp_path: Path) -> None:
    error = refused(
        tmp_path, "Host *\n  IdentityFile {folder}/none\n  User someone\n  IdentityAgent none", wrong_key=True
    )
    assert error.message.endswith("refuses a login as someone: tried 1 key of files")
    assert "ssh-copy-id" in error.hint


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("bad", "-----BEGIN OPENSSH PRIVATE KEY-----\nnonsense\n-----END OPENSSH PRIVATE KEY-----\n", "key-file"),
        ("bad-cert.pub", "nonsense", "key-file"),
    ],
)
def test_a_key_file_that_is_broken_is_named(tmp_path: Path, name: str, content: str, code: str) -> None:
    (tmp_path / name).write_text(content)
    error = refused(tmp_path, "Host *\n  IdentityFile {folder}/bad\n")
    assert (error.code, f"{tmp_path}/bad" in error.message) == (code, True)


def test_a_key_file_that_cannot_be_looked_at_is_left_out_and_said_with_the_refusal(tmp_path: Path) -> None:
    name = "k" * 300  # as in a folder that is closed to the user: pathlib raises
    error = refused(tmp_path, f"Host *\n  IdentityFile {{folder}}/{name}\n  IdentityAgent none", wrong_key=True)
    assert error.code == "login-refused"
    assert f"{name} cannot be read: File name too long" in error.hint


def test_a_line_of_known_hosts_that_is_broken_is_named(tmp_path: Path) -> None:
    (tmp_path / "other").write_text("# mine\n\n@nothing host key\n")
    error = refused(tmp_path, "Host *\n  UserKnownHostsFile {folder}/other\n")
    assert (error.code, f"{tmp_path}/other, line 3" in error.message) == ("known-hosts", True)


def test_a_key_of_another_port_is_not_trusted(tmp_path: Path) -> None:
    async def act(transport: Transport, server: Server) -> None:
        server.known_hosts.write_text(server.known_hosts.read_text().replace(f":{server.port}", ":1"))
        await greeted(transport, server.device)

    with pytest.raises(DeviceError) as caught:
        with_transport(tmp_path, act)
    assert caught.value.code == "host-key-unknown"


def test_a_secret_shows_itself_nowhere(tmp_path: Path) -> None:
    options = ConnectOptions(sudo_password=Secret("planted"), key_passphrase=Secret("planted"))
    assert "planted" not in f"{options!r} {options} {Secret('planted')!r}"


def test_asyncssh_says_nothing(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    logging.getLogger().setLevel(logging.DEBUG)
    try:
        with_transport(tmp_path, lambda transport, server: greeted(transport, server.device))
    finally:
        logging.getLogger().setLevel(logging.WARNING)
    assert capfd.readouterr() == ("", "")


def test_every_code_that_is_raised_before_a_login_means_not_reached() -> None:
    folder = Path(__file__).parents[3] / "jetson_deploy" / "fleet" / "transport"
    before = ("addresses", "client_keys", "host_settings", "jump_hosts", "known_hosts", "refusals", "first_contact")
    texts = [(folder / f"{name}.py").read_text(encoding="utf-8") for name in before]
    codes = {code for text in texts for code in re.findall(r'code="([a-z-]+)"', text)}
    assert codes - {"no-ssh", "connection-lost"} == set(NOT_REACHED)


def test_a_name_is_resolved_and_an_address_that_refuses_is_no_end(tmp_path: Path) -> None:
    """`localhost` has ::1 too on most machines, where the server does not listen."""

    async def act(transport: Transport, server: Server) -> bytes:
        known = server.known_hosts.read_text().replace("127.0.0.1", "localhost")
        server.known_hosts.write_text(known)
        return await greeted(transport, msgspec.structs.replace(server.device, address="localhost"))

    assert with_transport(tmp_path, act) == b"here\n"


def test_a_name_without_an_address_is_said(tmp_path: Path) -> None:
    error = refused(tmp_path, "Host 127.0.0.1\n  HostName board.invalid")
    assert (error.code, "board.invalid" in error.message) == ("name-not-resolved", True)
