"""Commands, lines and files over a real SSH connection."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from loopback_server import Server, with_connection, with_transport

from jetson_deploy.fleet.connection import Answer, Connection, Transport
from jetson_deploy.fleet.failure import ConnectionLostError, DeviceError


def answer(folder: Path, command: str, *, stdin: bytes = b"", limit: int = 1 << 20, greeting: str = "") -> Answer:
    async def act(connection: Connection) -> Answer:
        return await connection.run(command, seconds=10, stdin=stdin, limit=limit)

    return with_connection(folder, act, greeting=greeting)


def test_a_command_gives_its_status_and_both_streams(tmp_path: Path) -> None:
    found = answer(tmp_path, "cat; echo bad >&2; exit 3", stdin=b"a\xffb")
    assert found == Answer(exit_status=3, stdout=b"a\xffb", stderr=b"bad\n")


def test_a_signal_is_128_and_its_number(tmp_path: Path) -> None:
    assert answer(tmp_path, "sh -c 'kill -9 $$'").exit_status == 137


def test_what_is_above_the_limit_is_dropped_and_said(tmp_path: Path) -> None:
    found = answer(tmp_path, "head -c 300000 /dev/zero", limit=1000)
    assert (len(found.stdout), found.cut, found.exit_status) == (1000, True, 0)


def test_a_script_of_any_size_goes_by_standard_input(tmp_path: Path) -> None:
    found = answer(tmp_path, "sh -s", stdin=b": " + b"x" * 400_000 + b"\necho end\n")
    assert found.stdout == b"end\n"


def test_a_greeting_of_bashrc_is_no_part_of_the_answer(tmp_path: Path) -> None:
    found = answer(tmp_path, "echo mine", greeting="echo Welcome to the lab; echo noise >&2; ")
    assert (found.stdout, found.stderr) == (b"mine\n", b"")


def test_a_login_shell_that_ends_before_the_command_is_named(tmp_path: Path) -> None:
    with pytest.raises(DeviceError, match="not available") as caught:
        answer(tmp_path, "echo mine", greeting="echo This account is not available; exit 1; ")
    assert (caught.value.code, ".bashrc" in caught.value.hint) == ("banner", True)


def test_lines_come_one_by_one_without_their_newline(tmp_path: Path) -> None:
    async def act(connection: Connection) -> list[bytes]:
        return [line async for line in connection.lines("printf 'a\\nb\\n\\nc'", silence=5)]

    assert with_connection(tmp_path, act, greeting="echo hello; ") == [b"a", b"b", b"", b"c"]


def test_a_line_of_many_megabytes_is_cut_and_the_next_one_is_whole(tmp_path: Path) -> None:
    async def act(connection: Connection) -> list[int]:
        command = "head -c 3000000 /dev/zero; echo; echo end"
        return [len(line) async for line in connection.lines(command, silence=5)]

    assert with_connection(tmp_path, act) == [1 << 20, 3]


def test_a_command_that_says_no_more_and_does_not_end_is_not_waited_for_for_ever(tmp_path: Path) -> None:
    async def act(connection: Connection) -> list[bytes]:
        return [line async for line in connection.lines("echo one; exec >&- 2>&-; sleep 30", silence=0.2)]

    with pytest.raises(DeviceError, match="did not end") as caught:
        with_connection(tmp_path, act)
    assert caught.value.code == "timed-out"


def test_silence_ends_the_lines(tmp_path: Path) -> None:
    async def act(connection: Connection) -> None:
        async for _ in connection.lines("echo one; sleep 30", silence=0.1):
            pass

    with pytest.raises(DeviceError, match="said nothing") as caught:
        with_connection(tmp_path, act)
    assert caught.value.code == "timed-out"


def test_a_command_that_takes_too_long_is_given_up(tmp_path: Path) -> None:
    async def act(connection: Connection) -> None:
        await connection.run("sleep 30", seconds=0.1)

    with pytest.raises(DeviceError) as caught:
        with_connection(tmp_path, act)
    assert caught.value.code == "timed-out"


def test_a_connection_that_ends_in_the_middle_leaves_the_state_unknown(tmp_path: Path) -> None:
    async def act(connection: Connection) -> Answer:
        return await connection.run("echo half; kill -9 $PPID; sleep 5", seconds=5)

    async def cut(connection: Connection) -> Answer:
        connection._connection.abort()  # type: ignore[attr-defined]
        return await act(connection)

    with pytest.raises(ConnectionLostError, match="unknown"):
        with_connection(tmp_path, cut)


def test_a_file_arrives_whole_with_its_mode(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "a folder" / "it's here"
    target.parent.mkdir()
    source.write_bytes(bytes(range(256)) * 1000)
    source.chmod(0o640)

    async def act(connection: Connection) -> None:
        await connection.send(source, str(target))

    with_connection(tmp_path, act)
    assert (target.read_bytes(), target.stat().st_mode & 0o777) == (source.read_bytes(), 0o640)
    assert [path.name for path in target.parent.iterdir()] == ["it's here"]


def test_a_file_that_does_not_fit_is_refused_before_with_numbers(tmp_path: Path) -> None:
    source = tmp_path / "source"
    with source.open("wb") as opened:
        opened.truncate(1 << 43)

    async def act(connection: Connection) -> None:
        await connection.send(source, str(tmp_path / "target"))

    with pytest.raises(DeviceError, match=r"8796093\.0 MB are needed") as caught:
        with_connection(tmp_path, act)
    assert caught.value.code == "no-space"


def test_a_file_that_cannot_be_read_here_is_no_lost_connection(tmp_path: Path) -> None:
    async def act(connection: Connection) -> None:
        await connection.send(tmp_path / "none", str(tmp_path / "target"))

    with pytest.raises(DeviceError, match="none cannot be read: No such file") as caught:
        with_connection(tmp_path, act)
    assert caught.value.code == "not-read"


def test_what_a_command_does_not_read_is_dropped(tmp_path: Path) -> None:
    found = answer(tmp_path, "head -c 1; exit 5", stdin=b"x" * 8_000_000)
    assert (found.stdout, found.exit_status) == (b"x", 5)


def test_the_devices_environment_reaches_every_command(tmp_path: Path) -> None:
    async def act(transport: Transport, server: Server) -> bytes:
        environment = {"JETSON_DEPLOY_REGISTRY": "http://it's here"}
        async with transport.connect(msgspec.structs.replace(server.device, environment=environment)) as connection:
            return (await connection.run("echo $JETSON_DEPLOY_REGISTRY", seconds=5)).stdout

    assert with_transport(tmp_path, act) == b"http://it's here\n"
