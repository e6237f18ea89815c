"""Directories of rehearsals in a place where everybody may write: only our own are believed, used and removed."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from jetson_deploy.errors import PreflightError, UsageError
from jetson_deploy.rehearsal.board import DEFAULT_BOARD, find_board
from jetson_deploy.rehearsal.kept import Kept, kept_sessions
from jetson_deploy.rehearsal.processes import alive, running
from jetson_deploy.rehearsal.session import Session, stop_kept

SLEEP = "import time; time.sleep(60)"


def a_session(work: Path, id_: str | None = None) -> Session:
    return Session(DEFAULT_BOARD, find_board(DEFAULT_BOARD), id_, work=work)


def left_behind(work: Path, id_: str, **wrong: object) -> Path:
    """What a reboot leaves of a kept rehearsal: its directory. `wrong`: what its file says instead."""
    session = a_session(work, id_)
    session.directory.mkdir(mode=0o700)
    kept = msgspec.structs.replace(session.kept(), **wrong)
    (session.directory / "session.json").write_bytes(msgspec.json.encode(kept))
    return session.directory


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([sys.executable, "-c", SLEEP])
    yield process
    process.kill()
    process.wait()


def ids(work: Path) -> list[str]:
    return [kept.id for kept in kept_sessions(work)]


def test_ids_are_new_every_time_and_leave_room_for_a_socket_s_path() -> None:
    sessions = [Session(DEFAULT_BOARD, find_board(DEFAULT_BOARD)) for _ in range(20)]
    assert len({s.id for s in sessions}) == 20
    longest = sessions[0].directory / "exec/containerd/containerd.sock.ttrpc"
    assert len(str(longest)) < 108


def test_an_id_that_is_given_is_taken(tmp_path: Path) -> None:
    assert a_session(tmp_path, "t1f").directory == tmp_path / "jd-t1f"


def test_a_directory_that_is_there_already_is_refused_and_not_removed(tmp_path: Path) -> None:
    theirs = tmp_path / "jd-abc" / "precious"
    theirs.mkdir(parents=True)
    session = a_session(tmp_path, "abc")
    with pytest.raises(PreflightError, match="there is a rehearsal 'abc' already"):
        session.start()
    session.stop()
    assert theirs.is_dir()


def test_a_link_in_the_place_of_the_directory_is_refused_and_not_followed(tmp_path: Path) -> None:
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    (tmp_path / "jd-abc").symlink_to(theirs)
    with pytest.raises(PreflightError, match="already"):
        a_session(tmp_path, "abc").start()
    assert list(theirs.iterdir()) == []
    assert (tmp_path / "jd-abc").is_symlink()


def test_a_session_that_was_never_started_removes_nothing(tmp_path: Path) -> None:
    directory = left_behind(tmp_path, "abc")
    a_session(tmp_path, "abc").stop()
    assert directory.is_dir()


def test_what_a_reboot_left_is_found_and_cleaned_away(tmp_path: Path) -> None:
    directory = left_behind(tmp_path, "abc", engine_pid=2**22 - 1, registry_pid=2**22 - 2)
    other = left_behind(tmp_path, "def")
    assert ids(tmp_path) == ["abc", "def"]
    assert stop_kept("abc", tmp_path) == ["abc"]
    assert (directory.exists(), other.exists()) == (False, True)
    assert stop_kept(None, tmp_path) == ["def"]
    assert list(tmp_path.iterdir()) == []


def test_pids_of_the_file_that_are_somebody_else_s_by_now_are_not_ended(
    tmp_path: Path, sleeper: subprocess.Popen[bytes]
) -> None:
    left_behind(tmp_path, "abc", engine_pid=sleeper.pid, registry_pid=sleeper.pid)
    stop_kept("abc", tmp_path)
    assert sleeper.poll() is None


def test_a_daemon_that_names_the_directory_is_ended_although_the_file_has_another_pid(tmp_path: Path) -> None:
    directory = left_behind(tmp_path, "abc")
    engine = subprocess.Popen([sys.executable, "-c", SLEEP, "dockerd", f"{directory}/daemon.json"])
    while not running(directory, "dockerd"):
        time.sleep(0.05)
    stop_kept("abc", tmp_path)
    assert not alive(engine.pid)
    engine.wait()


def test_the_file_cannot_point_to_another_directory_or_id(tmp_path: Path) -> None:
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    directory = left_behind(tmp_path, "abc", id="../theirs", directory=str(theirs), namespace="theirs")
    (kept,) = kept_sessions(tmp_path)
    assert (kept.id, kept.directory, kept.namespace) == ("abc", str(directory), "jd-abc")
    stop_kept(None, tmp_path)
    assert (theirs.exists(), directory.exists()) == (True, False)


@pytest.mark.parametrize("id_", ["../theirs", "", "*", "abc/../theirs", "ab", "a\x1bc"], ids=ascii)
def test_an_id_that_is_not_one_of_those_found_is_a_usage_error(tmp_path: Path, id_: str) -> None:
    directory = left_behind(tmp_path, "abc")
    left_behind(tmp_path / "jd-abc", "theirs")
    with pytest.raises(UsageError) as caught:
        stop_kept(id_, tmp_path)
    assert caught.value.hint.startswith("running: abc")
    assert "\x1b" not in caught.value.message
    assert directory.is_dir()


def test_links_and_directories_that_others_may_write_in_are_not_believed(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (tmp_path / "jd-link").symlink_to(left_behind(elsewhere, "real"))
    left_behind(tmp_path, "open").chmod(0o777)
    (tmp_path / "jd-file").write_text("{}")
    left_behind(tmp_path, "torn").joinpath("session.json").write_text("{")
    assert ids(tmp_path) == []


@pytest.mark.integration
def test_a_directory_of_another_user_is_not_believed(tmp_path: Path) -> None:
    directory = left_behind(tmp_path, "abc")
    os.chown(directory, 65534, 65534)
    assert ids(tmp_path) == []


def test_the_user_s_overlays_come_before_the_rehearsal_s_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JETSON_DEPLOY_CATALOG", "/one:/two")
    session = a_session(tmp_path, "abc")
    assert session.variables()["JETSON_DEPLOY_CATALOG"] == f"/one:/two:{tmp_path}/jd-abc/catalog"


def test_kept_is_what_is_read_again(tmp_path: Path) -> None:
    kept = a_session(tmp_path, "abc").kept()
    assert msgspec.json.decode(msgspec.json.encode(kept), type=Kept) == kept
