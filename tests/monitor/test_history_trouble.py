"""Full disks, read-only ones, damage and files of others: the recorder says so, and nothing else ends."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from history_parts import NOON, Driven, driven, minutes, noise, raw

from jetson_deploy.errors import JetsonDeployError, PreflightError, UnhealthyError, UsageError
from jetson_deploy.monitor.history.opening import open_history
from jetson_deploy.monitor.history.recorder import MOST_WAITING, Recorder
from jetson_deploy.monitor.history.schema import APPLICATION, PAGE, VERSION, connect


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "history.sqlite3"


class SmallDisk:
    """As SQLite tells it: no page more than `pages`."""

    def __init__(self, pages: int) -> None:
        self.pages = pages

    def __call__(self, path: Path) -> sqlite3.Connection:
        connection = connect(path)
        connection.execute(f"PRAGMA max_page_count={self.pages}")
        return connection


def test_a_full_disk_pauses_the_recording_says_so_once_and_loses_nothing_soon(path: Path) -> None:
    disk = SmallDisk(60)
    with driven(path, read=noise(), opened=disk) as going:
        for _ in range(40):
            going.receive(30)
            going.recorder.flush()
        assert going.recorder.paused == "the disk is full"
        assert [text.split(";")[0] for text in going.said] == ["history: recording pauses: the disk is full"]
        disk.pages = 10_000
        going.receive(30)
        going.recorder.flush()
        assert going.said[1:] == [f"history: recording goes on in {path}"]
    assert len(raw(path)) == 41 * 30
    assert sum(stat.count for row in minutes(path) for stat in row.stats if stat) == 41 * 30


def test_what_a_full_disk_costs_is_counted_and_the_newest_is_kept(path: Path) -> None:
    disk = SmallDisk(60)
    with driven(path, read=noise(), opened=disk) as going:
        for _ in range(20):
            going.receive(300)
            going.recorder.flush()
        disk.pages = 100_000
        going.receive(30)
    found = raw(path)
    assert len(found) == 6030 - going.recorder.lost and going.recorder.lost > 0
    assert found[-1].at - found[-MOST_WAITING].at == (MOST_WAITING - 1) * 1000
    assert f"{going.recorder.lost} samples are lost" in going.said[-1]


def test_a_recording_that_ends_while_the_disk_is_full_tells_what_is_lost(path: Path) -> None:
    with driven(path, read=noise(), opened=SmallDisk(60)) as going:
        for _ in range(40):
            going.receive(30)
            going.recorder.flush()
    assert going.said[-1] == f"history: {1200 - len(raw(path))} samples are lost: the disk is full"


def _middle(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(PAGE)
        file.write(os.urandom(PAGE * 20))


def _head(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(os.urandom(200))


def _zeros(path: Path) -> None:
    path.write_bytes(bytes(path.stat().st_size))


def _text(path: Path) -> None:
    path.write_text("hello\n" * 500)


def _half(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2 // PAGE * PAGE)


DAMAGE: dict[str, Callable[[Path], None]] = {
    "middle": _middle,
    "head": _head,
    "zeros": _zeros,
    "text": _text,
    "half": _half,
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
@pytest.mark.parametrize("was_killed", [False, True], ids=["ended", "killed"])
def test_a_damaged_database_is_set_aside_and_a_new_one_begins(
    path: Path, damage: Callable[[Path], None], was_killed: bool
) -> None:
    with driven(path, read=noise()) as going:
        going.receive(600)
    damage(path)
    if was_killed:
        Path(f"{path}-wal").write_bytes(b"\0" * 50)
    with driven(path, start=NOON + 3600, read=noise()) as going:
        for _ in range(12):
            going.receive(30)
            going.recorder.flush()
    (kept,) = path.parent.glob("history.sqlite3.damaged-*Z")
    assert [str(kept) in text and "a new one begins" in text for text in going.said] == [True]
    assert len(raw(path)) >= 330  # what came before the damage was seen may have gone with it


def test_only_the_last_damaged_database_is_kept(path: Path) -> None:
    for number in range(3):
        path.write_bytes(bytes(5000))
        path.with_name(f"{path.name}.damaged-2026010{number}T000000Z").write_bytes(b"old")
        with driven(path):
            pass
    assert len(list(path.parent.glob("*.damaged-*"))) == 1


def _other_program(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE songs(name)")
    connection.close()


def _newer(path: Path) -> None:
    connection = connect(path)
    connection.execute(f"PRAGMA user_version={VERSION + 1}")
    connection.close()


FOREIGN: dict[str, tuple[str, Callable[[Path], object], str]] = {
    "notes": ("notes.txt", lambda path: path.write_text("remember the milk\n" * 50), "is no history"),
    "directory": ("d.sqlite3", Path.mkdir, "is a directory"),
    "another-program": ("songs.sqlite3", _other_program, "is the database of another program"),
    "newer": ("history.sqlite3", _newer, "newer version"),
}


@pytest.mark.parametrize("name, make, words", FOREIGN.values(), ids=FOREIGN)
def test_a_file_that_is_not_ours_is_refused_and_not_touched(
    tmp_path: Path, name: str, make: Callable[[Path], object], words: str
) -> None:
    path = tmp_path / name
    make(path)
    before = path.read_bytes() if path.is_file() else None
    for _ in range(2):
        with pytest.raises(UsageError, match=words) as refused:
            Recorder(path)
        assert refused.value.hint
    assert (path.read_bytes() if path.is_file() else None) == before
    assert not list(tmp_path.glob("*damaged*"))


def test_a_place_that_cannot_be_written_is_refused_with_a_fix(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(PreflightError) as refused:
        Recorder(tmp_path / "file" / "history.sqlite3")
    assert "--db FILE" in refused.value.hint and refused.value.exit_code == 3


READ: dict[str, tuple[Callable[[Path], object], type[JetsonDeployError], str]] = {
    "nothing": (lambda path: None, PreflightError, "nothing was recorded"),
    "empty": (Path.touch, PreflightError, "nothing was recorded"),
    "text": (_text, UnhealthyError, "is damaged"),
    "another-program": (_other_program, UsageError, "is no history"),
    "newer": (_newer, UsageError, "newer version"),
}


@pytest.mark.parametrize("make, kind, words", READ.values(), ids=READ)
def test_what_cannot_be_read_is_told_with_a_fix(
    path: Path, make: Callable[[Path], object], kind: type[JetsonDeployError], words: str
) -> None:
    make(path)
    with pytest.raises(kind, match=words) as refused, open_history(path):
        pass
    assert refused.value.hint


@pytest.mark.parametrize("damage", [_middle, _half], ids=["middle", "half"])
def test_damage_that_a_reader_meets_is_told(path: Path, damage: Callable[[Path], None]) -> None:
    with driven(path, read=noise()) as going:
        going.receive(600)
    damage(path)
    with pytest.raises(UnhealthyError, match="is damaged"):
        raw(path)


def test_the_header_names_whose_file_it_is(path: Path) -> None:
    Driven(path).recorder.close()
    assert path.read_bytes()[68:72] == APPLICATION.to_bytes(4, "big")
