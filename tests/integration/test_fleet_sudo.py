"""Becoming root on a device, with the real sudo: users, passwords and rules of a mount namespace of its own."""

from __future__ import annotations

import secrets
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from planted_secrets import Planted
from real_sshd import SMALL, Site, Sshd, site

from jetson_deploy.fleet.connect_options import Bounds
from jetson_deploy.fleet.connection import Answer, Transport
from jetson_deploy.fleet.failure import DeviceError

pytestmark = pytest.mark.integration

USERS = ("free", "asked", "denied", "terminal")
RULES = """root ALL=(ALL:ALL) ALL
free ALL=(ALL) NOPASSWD: ALL
asked ALL=(ALL) ALL
terminal ALL=(ALL) NOPASSWD: ALL
Defaults:terminal requiretty
"""


class Board(msgspec.Struct, kw_only=True):
    here: Site
    sshd: Sshd
    password: str

    def run(self, user: str, command: str = "id -u; cat", *, stdin: bytes = b"input\n", **given: Any) -> Answer:
        async def act(transport: Transport) -> Answer:
            async with transport.connect(self.sshd.device(user=user)) as connection:
                return await connection.run(command, seconds=60, stdin=stdin, root=True)

        return self.here.asked(act, **given)

    def refused(self, user: str, **given: Any) -> DeviceError:
        with pytest.raises(DeviceError) as caught:
            self.run(user, **given)
        return caught.value


@pytest.fixture(scope="module")
def board() -> Iterator[Board]:
    password = secrets.token_hex(12)
    with site() as here:
        lines = made_users(here.folder, password)
        yield Board(here=here, sshd=here.sshd(before=lines), password=password)


def made_users(folder: Path, password: str) -> str:
    """Bound over the host's own, in the sshd's namespace alone."""
    hashed = subprocess.run(
        ["openssl", "passwd", "-6", "-stdin"], input=password, capture_output=True, text=True, check=True
    ).stdout.strip()
    numbers = {user: 6100 + number for number, user in enumerate(USERS)}
    files = {
        "passwd": "".join(f"{user}:x:{number}:{number}::/:/bin/sh\n" for user, number in numbers.items()),
        "shadow": "".join(f"{user}:{hashed}:19000:0:99999:7:::\n" for user in USERS),
    }
    for name, text in files.items():
        (folder / name).write_text(Path("/etc", name).read_text() + text)
    (folder / "sudoers").write_text(RULES)
    (folder / "sudoers").chmod(0o440)
    (folder / "shadow").chmod(0o600)
    return "\n".join(f"mount --bind {folder / name} /etc/{name}" for name in (*files, "sudoers"))


def test_root_needs_no_sudo_and_the_input_reaches_the_command(board: Board) -> None:
    assert board.run("root").stdout == b"0\ninput\n"


def test_sudo_without_a_password_is_not_given_one(board: Board) -> None:
    """A password that sudo does not ask for would stand in the command's input."""
    assert board.run("free", sudo_password=board.password).stdout == b"0\ninput\n"


def test_sudo_with_its_password_runs_again_and_again_and_keeps_it_out_of_the_input(board: Board) -> None:
    async def act(transport: Transport) -> list[Answer]:
        async with transport.connect(board.sshd.device(user="asked")) as connection:
            return [await connection.run("id -u; cat", seconds=60, stdin=b"input\n", root=True) for _ in range(3)]

    for answer in board.here.asked(act, sudo_password=board.password):
        assert (answer.stdout, answer.stderr, answer.exit_status) == (b"0\ninput\n", b"", 0)


def test_a_file_is_sent_as_root(board: Board) -> None:
    source, target = board.here.folder / "source", board.here.folder / "only root writes here"
    source.write_text("x" * 100_000)

    async def act(transport: Transport) -> None:
        async with transport.connect(board.sshd.device(user="asked")) as connection:
            await connection.send(source, str(target), root=True)

    board.here.asked(act, sudo_password=board.password)
    assert target.read_text() == source.read_text()
    assert target.stat().st_uid == 0


@pytest.mark.parametrize(
    ("user", "given", "message"),
    [
        ("asked", {}, "sudo wants the password of asked"),
        ("asked", {"sudo_password": "wrong"}, "sudo refuses the password given for asked"),
        ("denied", {}, "sudo wants the password of denied"),
        ("terminal", {}, "sudo wants a terminal (requiretty)"),
    ],
)
def test_each_refusal_of_sudo_has_its_own_cause(board: Board, user: str, given: dict[str, str], message: str) -> None:
    error = board.refused(user, **given)
    assert (error.code, error.message) == ("sudo-refused", message)


def test_a_user_who_may_not_is_told_so_and_the_password_stands_nowhere(
    board: Board, capfd: pytest.CaptureFixture[str]
) -> None:
    error = board.refused("denied", sudo_password=board.password)
    assert (error.code, error.message) == ("sudo-refused", "denied may not use sudo")
    said = (*capfd.readouterr(), repr(error), error.hint, *error.details, board.sshd.log)
    assert Planted(board.password).said(*said) == []


def test_the_password_stands_in_no_process_list_and_no_file(board: Board) -> None:
    planted, command = Planted(board.password), "cat /proc/[0-9]*/cmdline /proc/self/environ | tr '\\0' '\\n'"
    with planted.watched() as seen:
        found = board.run("asked", command, sudo_password=board.password)
    assert b"/bin/sh" in found.stdout
    assert planted.said(found.stdout) == seen.shown == []
    assert planted.files(board.here.folder) == []


@pytest.mark.fault("F23")
def test_a_slow_sudo_is_waited_for_and_too_slow_a_one_is_named(board: Board, full: bool) -> None:
    """In full as slow as one whose name server is dead: 20 s, with the bounds of every user."""
    shim = board.here.folder / "sudo"
    shim.write_text(f'#!/bin/sh\nsleep {20 if full else 2}\nexec /usr/bin/sudo "$@"\n')
    shim.chmod(0o755)
    board.here.configure()
    slow = board.here.sshd(f"SetEnv PATH={board.here.folder}:/usr/bin:/bin", before=made_users(board.here.folder, "x"))
    board = Board(here=board.here, sshd=slow, password="x")
    assert board.run("free", bounds=Bounds() if full else SMALL).stdout == b"0\ninput\n"
    error = board.refused("free", bounds=msgspec.structs.replace(SMALL, start=0.5))
    assert (error.code, "sudo began nothing" in error.message, "/etc/hosts" in error.hint) == ("timed-out", True, True)
