"""Rollouts on disk: named by id, a part of it, or a number; damaged ones are refused."""

from __future__ import annotations

import resource
from datetime import datetime, timezone
from pathlib import Path

import pytest
from fleet_work import Board, Controller, FakeWork, begun

from jetson_deploy.errors import PreflightError, UsageError
from jetson_deploy.fleet.planning.measured import measured_before
from jetson_deploy.fleet.rollout.control import ask, asked, withdraw
from jetson_deploy.fleet.rollout.kept import directory_of, ids, new_id
from jetson_deploy.fleet.rollout.lines import Held
from jetson_deploy.fleet.rollout.record import FILE, created, is_worked_on, read

IDS = ["20261128T080000Z-00aa", "20261129T080000Z-1b1b", "20261129T090000Z-2c2c"]


@pytest.fixture
def fleet_dir(tmp_path: Path) -> Path:
    for one in [*IDS[::-1], "not-a-rollout"]:
        (tmp_path / one).mkdir()
    return tmp_path


@pytest.mark.parametrize(
    ("named", "found"),
    [
        (None, IDS[2]),
        ("-1", IDS[2]),
        ("-3", IDS[0]),
        ("1", IDS[0]),
        ("3", IDS[2]),
        ("20261128", IDS[0]),
        ("1b1b", IDS[1]),
        (IDS[2], IDS[2]),
    ],
)
def test_a_rollout_is_named_by_number_or_by_a_part_of_its_id(fleet_dir: Path, named: str | None, found: str) -> None:
    assert directory_of(fleet_dir, named).name == found


@pytest.mark.parametrize("named", ["0", "4", "-4", "20261129", "", "..", "\x1b[2J"])
def test_what_names_none_or_several_is_refused(fleet_dir: Path, named: str) -> None:
    with pytest.raises(UsageError) as refused:
        directory_of(fleet_dir, named)
    assert refused.value.message.isprintable()


def test_ids_sort_by_time(fleet_dir: Path) -> None:
    made = new_id(datetime(2026, 11, 30, 1, 2, 3, tzinfo=timezone.utc), token=lambda _: "beef")
    assert made == "20261130T010203Z-beef"
    (fleet_dir / made).mkdir()
    assert ids(fleet_dir) == [*IDS, made]


def test_without_any_the_hint_says_how_to_begin_one(tmp_path: Path) -> None:
    assert ids(tmp_path / "none") == []
    with pytest.raises(UsageError, match="no record of a rollout"):
        directory_of(tmp_path / "none", None)


@pytest.fixture
def record(tmp_path: Path) -> Path:
    boards = [Board("a1"), Board("a2")]
    Controller(tmp_path / IDS[0], FakeWork(boards)).up(begun(boards))
    return tmp_path / IDS[0] / FILE


@pytest.mark.parametrize("damage", ["a line gone", "a byte changed", "empty", "no record"])
def test_a_damaged_record_is_refused_with_its_place(record: Path, damage: str) -> None:
    lines = record.read_bytes().splitlines(keepends=True)
    kept = {
        "a line gone": lines[:3] + lines[4:],
        "a byte changed": [*lines[:2], lines[2].replace(b"batch-started", b"batch-stopped"), *lines[3:]],
        "empty": [],
        "no record": None,
    }[damage]
    record.unlink()
    if kept is not None:
        record.write_bytes(b"".join(kept))
    with pytest.raises(UsageError) as refused:
        read(record.parent)
    assert str(record) in refused.value.message


def test_who_works_on_a_rollout_is_seen_by_its_lock(tmp_path: Path) -> None:
    with created(tmp_path / IDS[0]):
        assert is_worked_on(tmp_path / IDS[0])
    assert not is_worked_on(tmp_path / IDS[0])
    assert not is_worked_on(tmp_path / IDS[1])


def test_a_record_that_cannot_be_written_is_refused_before_anything_begins(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(PreflightError) as refused, created(tmp_path / "file" / IDS[0]):
        pass
    assert "JETSON_DEPLOY_FLEET_DIR" in refused.value.hint


def test_a_record_whose_first_line_was_never_written_is_not_left_as_a_damaged_one(tmp_path: Path) -> None:
    with pytest.raises(PreflightError, match="full"), created(tmp_path / IDS[0]):
        raise PreflightError("full", hint="", code="record-unwritable")
    assert list(tmp_path.iterdir()) == []


def test_a_line_that_the_disk_took_half_of_does_not_damage_those_behind_it(tmp_path: Path) -> None:
    usual = resource.getrlimit(resource.RLIMIT_FSIZE)
    with created(tmp_path / IDS[0]) as record:
        record.append(begun([Board("a1")]), "")
        size = (record.directory / FILE).stat().st_size
        resource.setrlimit(resource.RLIMIT_FSIZE, (size + 10, usual[1]))
        try:
            with pytest.raises(PreflightError, match="File too large"):
                record.append(Held(why="pause"), "")
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, usual)
        record.append(Held(why="pause"), "")
    assert read(tmp_path / IDS[0]).lines == 2


def test_records_that_cannot_be_read_are_not_taken_for_none(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for ask_for in (ids, lambda path: directory_of(path, None)):
        with pytest.raises(UsageError, match="cannot read the records in"):
            ask_for(tmp_path / "file")
    assert measured_before(tmp_path / "file") == {}


def test_what_another_shell_asks_is_read_until_it_is_withdrawn(tmp_path: Path) -> None:
    assert asked(tmp_path) is None
    ask(tmp_path, "pause")
    assert asked(tmp_path) == "pause"
    ask(tmp_path, "abort")
    assert asked(tmp_path) == "abort"
    assert [path.name for path in tmp_path.iterdir()] == ["control"]
    assert withdraw(tmp_path)
    assert not withdraw(tmp_path)
    assert asked(tmp_path) is None
