"""What the engine is asked for a log, by its version, and what becomes of its own words in one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from scripted_engine import ScriptedEngine, frame, scripted_engine

from jetson_deploy.runtime.docker.runtime import DockerRuntime
from jetson_deploy.runtime.port import UnreadableLogError

LOG = "GET /containers/a/logs"
STAMP = "2026-11-25T16:42:27.123456789Z"
LATER = "2026-11-25T16:42:28.000000000Z"
WORDS = b"Error grabbing logs: an entry is damaged\n"
ALL = "/containers/a/logs?stdout=1&stderr=1"
FROM_START = [{"ApiVersion": "1.41"}, {"ApiVersion": "1.9"}, {"ApiVersion": "a word"}, {}]
FROM_END = [{"ApiVersion": "1.42"}, {"ApiVersion": "1.51"}, {"ApiVersion": "2.0"}]


@pytest.fixture
def engine() -> Iterator[ScriptedEngine]:
    with scripted_engine() as started:
        started.answers["GET /version"] = (200, {"ApiVersion": "1.47"})
        started.answers["GET /containers/a/json"] = (200, {"State": {"StartedAt": STAMP, "Running": True}})
        yield started


@pytest.fixture
def runtime(engine: ScriptedEngine) -> DockerRuntime:
    return DockerRuntime(engine.host)


def asked(engine: ScriptedEngine) -> list[str]:
    return [path for _, path, _ in engine.asked if "/logs?" in path]


def stamped(*lines: str) -> bytes:
    return b"".join(frame(f"{STAMP} {line}\n".encode()) for line in lines)


@pytest.mark.parametrize("version", FROM_END, ids=str)
def test_the_last_lines_are_asked_for(engine: ScriptedEngine, runtime: DockerRuntime, version: dict[str, str]) -> None:
    engine.answers |= {"GET /version": (200, version), LOG: (200, frame(b"one\n") + frame(b"t\xff\n", 2))}
    assert runtime.logs("a", tail=3) == "one\nt\ufffd\n"
    assert b"".join(runtime.follow_logs("a", tail=2)) == b"one\nt\xff\n"
    engine.answers[LOG] = (200, stamped("two"))
    assert runtime.stamped_logs("a", 5) == [f"{STAMP} two"]
    assert asked(engine) == [f"{ALL}&tail=3", f"{ALL}&follow=1&tail=2", f"{ALL}&timestamps=1&tail=5"]


@pytest.mark.parametrize("version", FROM_START, ids=str)
def test_an_engine_that_would_not_survive_that_is_asked_for_the_whole_log(
    engine: ScriptedEngine, runtime: DockerRuntime, version: dict[str, str]
) -> None:
    parts = frame(f"{STAMP} one\n{STAMP} tw".encode()) + frame(f"o\n{STAMP} t".encode() + b"\xff\n")
    engine.answers |= {"GET /version": (200, version), LOG: (200, parts)}
    assert runtime.logs("a", tail=2) == "two\nt\ufffd\n"
    engine.answers[LOG] = (200, stamped("one", "two"))
    assert runtime.stamped_logs("a", 1) == [f"{STAMP} two"]
    assert asked(engine) == [f"{ALL}&timestamps=1"] * 2


def test_there_a_log_is_followed_from_the_last_line_on(engine: ScriptedEngine, runtime: DockerRuntime) -> None:
    again = stamped("two") + frame(f"{LATER} three\n".encode())  # `since` includes its own moment
    engine.answers |= {"GET /version": (200, FROM_START[0]), LOG: [(200, stamped("one", "two")), (200, again)]}
    assert b"".join(runtime.follow_logs("a", tail=1)) == b"two\nthree\n"
    assert asked(engine)[1] == f"{ALL}&follow=1&timestamps=1&since=1795624947.123456789"


def test_there_a_damaged_log_shows_what_was_before_and_the_engines_words(
    engine: ScriptedEngine, runtime: DockerRuntime
) -> None:
    engine.answers |= {"GET /version": (200, FROM_START[0]), LOG: (200, stamped("one", "two") + frame(WORDS, 3))}
    assert runtime.logs("a", tail=1) == "two\n" + WORDS.decode()


def test_there_the_last_lines_of_a_damaged_log_are_unknown_and_new_ones_are_followed(
    engine: ScriptedEngine, runtime: DockerRuntime
) -> None:
    damaged = (200, stamped("old") + frame(WORDS, 3))
    engine.answers |= {"GET /version": (200, FROM_START[0]), LOG: damaged}
    with pytest.raises(UnreadableLogError, match="an entry is damaged"):
        runtime.stamped_logs("a", 5)
    engine.answers[LOG] = [damaged, (200, stamped("new"))]
    assert b"".join(runtime.follow_logs("a", tail=5)) == b"old\n" + WORDS + b"new\n"
    assert asked(engine)[-1] == f"{ALL}&follow=1&timestamps=1&tail=0"


@pytest.mark.parametrize(
    ("begun", "running", "suspect"),
    [(LATER, True, True), (STAMP, True, False), (LATER, False, False), ("0001-01-01T00:00:00Z", True, False)],
)
def test_words_that_the_engine_left_out_are_asked_for_where_no_line_is_of_this_run(
    engine: ScriptedEngine, runtime: DockerRuntime, begun: str, running: bool, suspect: bool
) -> None:
    engine.answers |= {
        "GET /version": (200, FROM_START[0]),
        "GET /containers/a/json": (200, {"State": {"StartedAt": begun, "Running": running}}),
        LOG: [(200, stamped("old")), (200, frame(WORDS, 3))],
    }
    if suspect:
        with pytest.raises(UnreadableLogError, match="an entry is damaged"):
            runtime.stamped_logs("a", 5)
    else:
        assert runtime.stamped_logs("a", 5) == [f"{STAMP} old"]


def test_a_newer_engine_that_refuses_so_many_lines_is_asked_for_fewer(
    engine: ScriptedEngine, runtime: DockerRuntime
) -> None:
    engine.answers[LOG] = [(200, frame(WORDS, 3)), (200, b""), (200, stamped("new"))]
    assert runtime.stamped_logs("a", 400) == [f"{STAMP} new"]
    assert [path.rpartition("=")[2] for path in asked(engine)] == ["400", "100", "25"]
    engine.answers[LOG] = [(200, frame(WORDS, 3)), (200, frame(b"new\n"))]
    assert runtime.logs("a", tail=4) == WORDS.decode() + "new\n"


def test_a_newer_engine_that_can_read_no_line_is_believed(engine: ScriptedEngine, runtime: DockerRuntime) -> None:
    engine.answers[LOG] = [(200, frame(WORDS, 3)), (200, b"")]
    with pytest.raises(UnreadableLogError, match="an entry is damaged"):
        runtime.stamped_logs("a", 5)
    assert runtime.stamped_logs("a", 5) == []
    engine.answers[LOG] = (200, frame(WORDS, 3))
    assert runtime.logs("a", tail=5) == WORDS.decode()


def test_a_newer_engine_that_cannot_follow_the_last_lines_is_asked_for_new_ones(
    engine: ScriptedEngine, runtime: DockerRuntime
) -> None:
    engine.answers[LOG] = [(200, frame(WORDS, 3)), (200, stamped("new"))]
    assert b"".join(runtime.follow_logs("a", tail=5)) == WORDS + b"new\n"
    assert asked(engine) == [f"{ALL}&follow=1&tail=5", f"{ALL}&follow=1&timestamps=1&tail=0"]


def test_a_log_is_followed_from_a_lines_time_stamp(engine: ScriptedEngine, runtime: DockerRuntime) -> None:
    engine.answers[LOG] = (200, stamped("two"))
    log = runtime.follow_from("a", STAMP)
    assert list(log.lines()) == [(STAMP, "two")]
    log.close()
    runtime.follow_from("a", None).close()
    assert [path.partition("&follow")[2] for path in asked(engine)] == [
        "=1&timestamps=1&since=1795624947.123456789",
        "=1&timestamps=1&tail=0",
    ]


def test_a_log_that_cannot_be_read_from_there_on_says_so(engine: ScriptedEngine, runtime: DockerRuntime) -> None:
    engine.answers[LOG] = (200, stamped("two") + frame(WORDS, 3))
    log, seen = runtime.follow_from("a", STAMP), list[str]()
    with pytest.raises(UnreadableLogError, match="an entry is damaged"):
        seen.extend(text for _, text in log.lines())
    assert seen == ["two"]
    log.close()
