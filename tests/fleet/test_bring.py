"""Bringing the tool to a device, over a connection of memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tiny_wheels import write_wheelhouse

from jetson_deploy.errors import PreflightError
from jetson_deploy.events import Event, StepFinished, StepStarted, silent
from jetson_deploy.fleet.bring import bring
from jetson_deploy.fleet.connection import OUTPUT_BYTES, Answer
from jetson_deploy.fleet.device import Device
from jetson_deploy.fleet.failure import DeviceError
from jetson_deploy.fleet.packages import Parcels
from jetson_deploy.install import source

ORIN = "machine\taarch64\nglibc\tglibc 2.35\npython\t/usr/bin/python3\t3.10\taarch64\tusable\n"
XAVIER = "machine\taarch64\nglibc\tglibc 2.31\npython\t/usr/bin/python3\t3.8\taarch64\tusable\n"
DONE = b"@step room\n@step clean\n@done installed\n"
PATH = f"/opt/jetson-deploy/{source.install_name()}/bin/jetson-deploy"


class Board:
    """Answers the probe with `has`, the installation with `ended`; keeps what it was sent."""

    def __init__(self, has: str, ended: tuple[int, bytes, bytes] = (0, DONE, b"")) -> None:
        self._has, self._ended = has, ended
        self.sent: dict[str, Path] = {}
        self.as_root: list[str] = []

    @property
    def device(self) -> Device:
        return Device(name="orin")

    async def run(
        self, command: str, *, seconds: float, stdin: bytes = b"", root: bool = False, limit: int = OUTPUT_BYTES
    ) -> Answer:
        if root:
            self.as_root.append(command)
        if b"@jetson-deploy-probe" in stdin:
            text = f"Hello!\n\n@jetson-deploy-probe\n{self._has}@jetson-deploy-probe-end\n"
            return Answer(exit_status=0, stdout=text.encode(), stderr=b"")
        if b"@refused" in stdin:
            return Answer(exit_status=self._ended[0], stdout=self._ended[1], stderr=self._ended[2])
        return Answer(exit_status=0, stdout=b"", stderr=b"")

    def lines(self, command: str, *, root: bool = False, silence: float) -> AsyncIterator[bytes]:
        raise NotImplementedError

    async def send(self, source: Path, target: str, *, root: bool = False) -> None:
        await asyncio.sleep(0)
        self.sent[target] = source


@pytest.fixture(scope="module")
def wheelhouse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_wheelhouse(tmp_path_factory.mktemp("given") / "wheels")


@pytest.fixture
def parcels(wheelhouse: Path, tmp_path: Path) -> Parcels:
    return Parcels(wheelhouse=wheelhouse, cache=tmp_path)


def brought(board: Board, parcels: Parcels) -> tuple[str, list[Event]]:
    events: list[Event] = []
    return asyncio.run(bring(board, parcels, events.append)), events


def refused(board: Board, parcels: Parcels) -> DeviceError:
    with pytest.raises(DeviceError) as error:
        asyncio.run(bring(board, parcels, silent))
    return error.value


def test_a_board_without_the_tool_gets_one_package_and_root_installs_it(parcels: Parcels) -> None:
    board = Board(ORIN)
    path, events = brought(board, parcels)
    assert path == PATH
    ((target, package),) = board.sent.items()
    assert target.startswith(f"/opt/jetson-deploy/incoming/{source.install_name()}-") and package.is_file()
    assert "python=/usr/bin/python3" in board.as_root[-1] and f"package={target}" in board.as_root[-1]
    assert [type(event) for event in events] == [StepStarted, StepFinished]


def test_a_board_that_has_this_very_version_is_sent_nothing_and_asked_nothing_as_root(parcels: Parcels) -> None:
    board = Board(ORIN + f"installed\t{source.install_name()}\nwhole\tyes\n")
    assert brought(board, parcels) == (PATH, [])
    assert (board.sent, board.as_root) == ({}, [])


def test_a_newer_tool_is_left_alone_and_said(parcels: Parcels) -> None:
    board = Board(ORIN + "tool\tjetson-deploy, version 99.0.0\n")
    error = refused(board, parcels)
    assert error.code == "tool-newer" and "99.0.0, newer than" in error.message and "--limit" in error.hint
    assert (board.sent, board.as_root) == ({}, [])


@pytest.mark.parametrize("tool", ["0.0.1", source.version()])
def test_an_older_tool_and_the_same_version_of_another_source_are_brought_up_to_date(
    parcels: Parcels, tool: str
) -> None:
    board = Board(ORIN + f"installed\t{tool}-00000000\ntool\tjetson-deploy, version {tool}\n")
    assert brought(board, parcels)[0] == PATH
    assert len(board.sent) == 1


def test_boards_of_one_kind_share_one_package_made_once(parcels: Parcels) -> None:
    boards = [Board(ORIN) for _ in range(20)]

    async def all_of_them() -> None:
        await asyncio.gather(*(bring(board, parcels, silent) for board in boards))

    asyncio.run(all_of_them())
    assert len({path for board in boards for path in board.sent.values()}) == 1


def test_a_package_that_cannot_be_made_is_tried_once_and_is_each_boards_refusal(tmp_path: Path) -> None:
    parcels = Parcels(wheelhouse=write_wheelhouse(tmp_path / "given", without="rich"), cache=tmp_path / "cache")

    async def all_of_them() -> list[str | BaseException]:
        tries = (bring(Board(ORIN), parcels, silent) for _ in range(5))
        return await asyncio.gather(*tries, return_exceptions=True)

    errors = asyncio.run(all_of_them())
    assert {error.code for error in errors if isinstance(error, DeviceError)} == {"wheelhouse-incomplete"}
    assert len(errors) == 5
    causes = {id(error.__cause__): error.__cause__ for error in errors if isinstance(error, DeviceError)}
    assert [type(cause) for cause in causes.values()] == [PreflightError]


def test_a_python_that_is_too_old_is_refused_with_the_archive_that_would_do(parcels: Parcels) -> None:
    error = refused(Board(XAVIER), parcels)
    assert (error.code, error.message) == ("no-python", "its Python is 3.8; 3.10 or newer is needed")
    assert "--python-archive DIR with cpython-3.12.*+*-aarch64-unknown-linux-gnu-install_only.tar.gz" in error.hint


def test_with_an_archive_it_gets_that_python_too(wheelhouse: Path, tmp_path: Path) -> None:
    archive = tmp_path / "cpython-3.12.8+20241219-aarch64-unknown-linux-gnu-install_only.tar.gz"
    archive.write_bytes(b"a Python")
    board = Board(XAVIER)
    brought(board, Parcels(wheelhouse=wheelhouse, python_archives=tmp_path, cache=tmp_path / "cache"))
    assert archive in board.sent.values() and len(board.sent) == 2
    assert "python=/opt/jetson-deploy/python-3.12-" in board.as_root[-1]
    assert "archive_sha256=" in board.as_root[-1]


@pytest.mark.parametrize(
    "has", ["machine\tarmv7l\nglibc\tglibc 2.35\n", "machine\taarch64\n", "machine\taarch64\nglibc\tglibc 3.0\n"]
)
def test_a_machine_that_no_wheels_are_made_for_is_refused(parcels: Parcels, has: str) -> None:
    assert refused(Board(has), parcels).code == "no-wheels-for-it"


def test_what_others_linked_there_is_refused_before_anything_is_sent(parcels: Parcels) -> None:
    board = Board(ORIN + "tool\tjetson-deploy, version 0.0.1\nforeign\tyes\n")
    error = refused(board, parcels)
    assert (error.code, board.sent) == ("tool-foreign", {})
    assert "mv /usr/local/bin/jetson-deploy" in error.hint


def test_wheels_are_for_what_its_python_was_built_for(parcels: Parcels) -> None:
    """A kernel of 64 bits says aarch64 and may run a userland of 32."""
    assert "armv7l" in refused(Board(ORIN.replace("3.10\taarch64", "3.10\tarmv7l")), parcels).message
    board = Board(ORIN.replace("3.10\taarch64", "3.10\tx86_64"))
    brought(board, parcels)
    assert ["x86_64" in str(package) for package in board.sent.values()] == [True]


def test_a_refusal_of_the_script_is_the_devices_error_in_its_words(parcels: Parcels) -> None:
    said = b"@step room\n@refused no-space\t/opt needs 90 MiB\tmake room on that disk\n"
    error = refused(Board(ORIN, (6, said, b"")), parcels)
    assert (error.code, error.message, error.hint) == ("no-space", "/opt needs 90 MiB", "make room on that disk")


@pytest.mark.parametrize(
    ("ended", "says"),
    [
        ((1, b"@step room\n@step install\n", b"x\nERROR: no such thing\n\n"), "at step install: ERROR: no such thing"),
        ((0, b"@step install\n", b""), "ended with 0 at step install"),
        ((137, b"", b""), "ended with 137 at step start: no reason given"),
        ((1, b"@refused nonsense\n", b"\xff\n"), "at step start: \ufffd"),
        ((1, b"@step " + 9999 * b"a", 9999 * b"b"), f"at step {40 * 'a'}: {300 * 'b'}"),
    ],
)
def test_an_installation_that_ends_otherwise_is_a_failure_with_step_and_last_line(
    parcels: Parcels, ended: tuple[int, bytes, bytes], says: str
) -> None:
    error = refused(Board(ORIN, ended), parcels)
    assert error.code == "install-failed"
    assert says in error.message


def test_without_room_for_the_package_and_what_is_made_of_it_nothing_is_sent(parcels: Parcels) -> None:
    class Full(Board):
        free = b"@free 1023\n"

        async def run(
            self, command: str, *, seconds: float, stdin: bytes = b"", root: bool = False, limit: int = OUTPUT_BYTES
        ) -> Answer:
            if command.startswith("mkdir -p /opt/jetson-deploy;"):
                return Answer(exit_status=1, stdout=self.free, stderr=b"mkdir: No space left on device\n")
            return await super().run(command, seconds=seconds, stdin=stdin, root=root, limit=limit)

    board = Full(ORIN)
    error = refused(board, parcels)
    assert (error.code, board.sent) == ("no-space", {})
    assert error.message.startswith("/opt/jetson-deploy needs ") and error.message.endswith(" and has 0 MiB")
    board.free = b""  # a df that says nothing
    error = refused(board, parcels)
    assert (error.code, board.sent) == ("no-space", {})
    assert error.message == "a disk there is full: mkdir: No space left on device"


def test_a_disk_that_fills_up_during_the_installation_is_said(parcels: Parcels) -> None:
    said = b"@step room\n@step install\n"
    error = refused(Board(ORIN, (1, said, b"ERROR: [Errno 28] No space left on device\n")), parcels)
    assert (error.code, "df -h" in error.hint) == ("no-space", True)


def test_a_shell_that_answers_nothing_of_the_kind_is_said(parcels: Parcels) -> None:
    class Odd(Board):
        async def run(
            self, command: str, *, seconds: float, stdin: bytes = b"", root: bool = False, limit: int = OUTPUT_BYTES
        ) -> Answer:
            return Answer(exit_status=1, stdout=b"", stderr=b"This account is not available.\n")

    assert "This account is not available." in refused(Odd(""), parcels).message
