"""A log that is followed over a socket while it is written."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from live_log import LiveLog, live_log

from jetson_deploy.runtime.opened import runtime_at
from jetson_deploy.runtime.port import EngineAwayError, FollowedLog, Runtime


@pytest.fixture
def log() -> Iterator[LiveLog]:
    with live_log() as started:
        yield started


@pytest.fixture
def runtime(log: LiveLog) -> Runtime:
    return runtime_at(log.host).quick(2.0)


def texts(followed: FollowedLog, count: int) -> list[str]:
    lines = followed.lines()
    return [next(lines)[1] for _ in range(count)]


def test_lines_come_as_they_are_written_wherever_the_chunks_end(log: LiveLog, runtime: Runtime) -> None:
    log.write("before us")
    followed = runtime.follow_from("a", None)
    lines = followed.lines()
    for number in range(20):
        log.write(f"line {number}")
        assert next(lines)[1] == f"line {number}"
    followed.close()


def test_what_was_written_in_a_break_is_read_from_the_mark_on(log: LiveLog, runtime: Runtime) -> None:
    log.write("one", "two", "three")
    followed = runtime.follow_from("a", "2026-06-11T10:00:01.000000001Z")
    assert texts(followed, 2) == ["two", "three"]
    followed.close()


def test_it_ends_with_the_container(log: LiveLog, runtime: Runtime) -> None:
    followed = runtime.follow_from("a", "1970-01-01T00:00:00Z")
    log.write("last words")
    log.end_followers()
    assert [text for _, text in followed.lines()] in ([], ["last words"])
    followed.close()


def test_closing_it_ends_a_read_that_waits_in_another_thread(log: LiveLog, runtime: Runtime) -> None:
    followed, read = runtime.follow_from("a", None), list[tuple[str, str]]()
    reader = threading.Thread(target=lambda: read.extend(followed.lines()))
    reader.start()
    followed.close()
    reader.join(10)
    assert (reader.is_alive(), read) == (False, [])


def test_a_log_that_cannot_be_read_is_told_in_the_engines_words(log: LiveLog, runtime: Runtime) -> None:
    log.refuses = "configured logging driver does not support reading"
    with pytest.raises(EngineAwayError, match="does not support reading"):
        runtime.follow_from("a", None)
    with pytest.raises(EngineAwayError, match="does not support reading"):
        runtime.stamped_logs("a", 10)
