"""Silences outlive the process, end by themselves, and a damaged file silences nothing."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from jetson_deploy.errors import ResourceError
from jetson_deploy.monitor.alerts.silences import Silences

NOON = 1_764_072_000.0
HOUR = 3600.0


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "monitor" / "silences.json"


def test_one_alert_is_silenced_for_its_time_and_no_longer(path: Path) -> None:
    silences = Silences(path)
    silences.silence("ram-low", 2 * HOUR, NOON)
    answers = [silences.silenced("ram-low", NOON + seconds) for seconds in (0, 2 * HOUR - 1, 2 * HOUR)]
    assert answers == [True, True, False]
    assert not silences.silenced("disk-low", NOON)


def test_a_star_silences_all_of_them(path: Path) -> None:
    silences = Silences(path)
    silences.silence("*", HOUR, NOON)
    assert silences.silenced("ram-low", NOON)
    assert silences.silenced("disk-low", NOON)


def test_it_survives_a_restart_and_is_seen_by_a_monitor_that_runs(path: Path) -> None:
    running = Silences(path)
    assert not running.silenced("ram-low", NOON)
    Silences(path).silence("ram-low", HOUR, NOON)
    assert running.silenced("ram-low", NOON)
    assert Silences(path).silenced("ram-low", NOON)
    assert Silences(path).end("ram-low", NOON)
    assert not running.silenced("ram-low", NOON)


def test_ending_what_is_not_silenced_is_said(path: Path) -> None:
    silences = Silences(path)
    silences.silence("ram-low", HOUR, NOON)
    assert not silences.end("ram-low", NOON + HOUR)
    assert not silences.end("disk-low", NOON)


def test_silences_that_are_over_leave_the_file(path: Path) -> None:
    silences = Silences(path)
    silences.silence("ram-low", HOUR, NOON)
    silences.silence("disk-low", HOUR, NOON + 2 * HOUR)
    assert "ram-low" not in path.read_text()
    assert list(silences.active(NOON + 2 * HOUR)) == ["disk-low"]


def test_a_clock_that_was_set_back_to_1970_ends_a_silence(path: Path) -> None:
    silences = Silences(path)
    silences.silence("ram-low", HOUR, NOON)
    assert not silences.silenced("ram-low", 100.0)
    assert silences.silenced("ram-low", NOON - 60)


@pytest.mark.parametrize(
    "content", [b"", b"{", b"\xff\xfe", b"[]", b'{"schema": "other/1"}', b'{"silences": {"a": 1}}']
)
def test_a_damaged_file_silences_nothing_and_is_told(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    silences = Silences(path)
    assert not silences.silenced("ram-low", NOON)
    assert silences.problem is not None
    assert str(path) in silences.problem
    silences.silence("ram-low", HOUR, NOON)
    assert silences.problem is None
    assert Silences(path).silenced("ram-low", NOON)


def test_no_file_is_no_problem(path: Path) -> None:
    silences = Silences(path)
    assert not silences.silenced("ram-low", NOON)
    assert silences.problem is None


def test_a_pipe_in_place_of_the_file_does_not_hang(path: Path) -> None:
    path.parent.mkdir(parents=True)
    os.mkfifo(path)
    silences = Silences(path)
    assert not silences.silenced("ram-low", NOON)
    assert silences.problem is not None


def test_a_directory_that_cannot_be_written_is_an_error_with_its_fix(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(ResourceError) as caught:
        Silences(tmp_path / "file" / "silences.json").silence("ram-low", HOUR, NOON)
    assert caught.value.code == "silences-not-writable"
