"""`logs --timestamps`: each line once, from where a reader was cut off."""

from __future__ import annotations

import itertools

import pytest
from container import moment
from hostile import run
from runtime import FakeRuntime

from jetson_deploy.cli.stamped_log import followed, last_lines


def served(*lines: str) -> FakeRuntime:
    runtime = FakeRuntime()
    runtime.add("jd-default-1", {})
    runtime.write("jd-default-1", *lines)
    return runtime


def test_each_line_has_its_stamp() -> None:
    runtime = served("one", "two", "three")
    assert last_lines(runtime, "jd-default-1", 2) == f"{moment(1)} two\n{moment(2)} three\n"


@pytest.mark.parametrize("cut_after", range(5))
def test_a_reader_that_is_cut_off_anywhere_and_comes_back_has_every_line_once(cut_after: int) -> None:
    runtime = served("one", "two", "three", "four", "five")
    first = "".join(itertools.islice(followed(runtime, "jd-default-1", tail=2, after=None), 1)).splitlines()
    assert [line.split()[1] for line in first] == ["four", "five"]
    runtime.containers["jd-default-1"].state = "exited"
    rest = "".join(followed(runtime, "jd-default-1", tail=2, after=moment(cut_after)))
    assert [line.split()[1] for line in rest.splitlines()] == ["two", "three", "four", "five"][cut_after:]


def test_where_the_last_lines_cannot_be_read_that_is_said_and_new_ones_follow(
    capsys: pytest.CaptureFixture[str],
) -> None:
    runtime = served("old")
    runtime.log_damaged = "an entry is damaged"
    runtime.containers["jd-default-1"].state = "exited"
    assert "".join(followed(runtime, "jd-default-1", tail=2, after=None)) == ""
    assert capsys.readouterr().err == "warning: an entry is damaged; new lines follow\n"


@pytest.mark.parametrize(
    "words",
    [
        ("--after", "2026-06-11T10:00:01.000000001Z"),
        ("--follow", "--after", "2026-06-11T10:00:01.000000001Z"),
        ("--follow", "--timestamps", "--after", "yesterday"),
        ("--follow", "--timestamps", "--after", "2026-06-11T10:00:01Z\n"),
    ],
)
def test_where_to_go_on_is_a_stamp_of_a_log_that_is_followed(words: tuple[str, ...]) -> None:
    found = run("logs", *words)
    assert (found.code, "hint:" in found.err) == (2, True)
