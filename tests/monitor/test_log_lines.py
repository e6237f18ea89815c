"""Recorded logs of all generations, and damage to them."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jetson_deploy.monitor.llm.ledger import Ledger
from jetson_deploy.monitor.llm.log_lines import Access, Progress, Timing, go_seconds, known_path, read_line
from jetson_deploy.monitor.llm.log_reader import LogReader

DATA = Path(__file__).parent / "data" / "llm"
LOGS = sorted(DATA.glob("*.log"))
GOLDEN = json.loads((DATA / "events.json").read_text())
LINES = [line for log in LOGS for line in log.read_text().splitlines()]
TELLING = [line for line in LINES if read_line(line) is not None]


def read(log: str, *, times: int = 1) -> tuple[LogReader, Ledger]:
    ledger = Ledger()
    reader = LogReader(ledger, lambda: "r1")
    for _ in range(times):
        for line in (DATA / log).read_text().splitlines():
            reader.feed(line)
    return reader, ledger


@pytest.mark.parametrize("log", LOGS, ids=lambda log: log.stem)
def test_a_recorded_log_says_what_was_read_by_eye(log: Path) -> None:
    found = [
        {"line": number, "event": type(event).__name__, **msgspec.to_builtins(event)}
        for number, line in enumerate(log.read_text().splitlines(), 1)
        if (event := read_line(line)) is not None
    ]
    assert found == GOLDEN[log.name]


def test_two_requests_of_llama_server_add_up() -> None:
    reader, ledger = read("timing-c-n_gen-b11434.log")
    counts = ledger.models()["r1"]
    assert (counts.prompt_tokens, counts.decode_tokens, counts.context_used_tokens) == (5, 1000, 503)
    assert counts.decode_seconds == pytest.approx(9.58212 + 10.64235)
    assert counts.last_decode_rate == pytest.approx(46.98, abs=0.01)
    assert counts.last_prompt_rate == pytest.approx(60.57, abs=0.01)
    assert (reader.busy, reader.runner_port, reader.tells_tokens) == (
        1,
        38112,
        True,
    )  # the record ends before a release


@pytest.mark.parametrize(
    ("log", "believed"),
    [("ollama-0.31.2.log", True), ("timing-b-n_decoded.log", False), ("timing-c-n_gen-b11434.log", True)],
)
def test_who_is_busy_is_believed_where_beginnings_and_ends_are_told(log: str, believed: bool) -> None:
    assert read(log)[0].tells_requests is believed


def test_bare_lines_belong_to_the_header_before_them() -> None:
    _, ledger = read("timing-a-header-and-bare-lines.log")
    counts = ledger.models()["r1"]
    assert (counts.prompt_tokens, counts.decode_tokens) == (11756, 40)
    assert counts.last_decode_rate == pytest.approx(26.11, abs=0.01)


def test_tokens_grow_while_a_request_runs_and_the_end_sets_them_right() -> None:
    ledger = Ledger()
    reader = LogReader(ledger, lambda: "r1")
    grown: list[int] = []
    for line in (DATA / "timing-c-n_gen-b11434.log").read_text().splitlines()[:113]:
        reader.feed(line)
        tokens = ledger.models().get("r1")
        if tokens and (not grown or grown[-1] != tokens.decode_tokens):
            grown.append(tokens.decode_tokens)
    assert grown == [177, 344, 479, 500]
    assert reader.busy == 0


def test_a_request_that_was_given_up_counts_what_was_seen_of_it() -> None:
    reader, ledger = read("timing-b-n_decoded.log")
    reader.feed("slot      release: id  0 | task 180 | stop processing: n_tokens = 640, truncated = 0")
    assert (ledger.models()["r1"].decode_tokens, reader.busy) == (329, 0)


def test_a_server_that_is_started_anew_works_on_nothing() -> None:
    reader, ledger = read("timing-b-n_decoded.log")
    reader.feed('level=INFO source=routes.go:2004 msg="Listening on 127.0.0.1:11434 (version 0.31.2)"')
    assert (reader.busy, reader.runner_port) == (0, None)
    assert ledger.models()["r1"].decode_tokens == 329


def test_what_was_written_before_the_monitor_began_is_not_counted() -> None:
    ledger = Ledger()
    reader = LogReader(ledger, lambda: "r1")
    reader.catch_up(LINES)
    assert (ledger.models(), ledger.answered().requests) == ({}, ())
    assert reader.tells_tokens


def test_the_monitors_own_questions_are_no_requests() -> None:
    _, ledger = read("access-forms.log", times=2)
    answered = ledger.answered()
    assert {(one.path, one.code): one.count for one in answered.requests} == {
        ("/", 200): 2,
        ("/api/blobs/…", 200): 2,
        ("/api/chat", 200): 2,
        ("/api/generate", 200): 2,
        ("/api/generate", 503): 2,
        ("/api/tags", 200): 2,
        ("/v1/chat/completions", 200): 2,
        ("other", 404): 2,
    }
    assert answered.seconds == pytest.approx(2 * (12.122311984 + 0.001667 + 90 + 3602), abs=1e-3)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("12.5s", 12.5),
        ("1.5ms", 0.0015),
        ("117.4µs", 0.0001174),
        ("117.4μs", 0.0001174),
        ("3us", 3e-6),
        ("971ns", 9.71e-7),
        ("1m30s", 90),
        ("1h0m3.2s", 3603.2),
        ("0s", 0),
        ("", None),
        ("1", None),
        ("s", None),
        ("-3s", None),
        ("1x2s", None),
        ("<duration>", None),
    ],
)
def test_durations_in_gos_forms(text: str, seconds: float | None) -> None:
    assert go_seconds(text) == (seconds if seconds is None else pytest.approx(seconds))


@given(st.text(max_size=80))
@settings(max_examples=60, deadline=None)
def test_paths_are_of_a_bounded_number(path: str) -> None:
    assert known_path(path) in {"other", "/api/blobs/…", "/v1/models/…"} or known_path(path) == path


@given(st.sampled_from(TELLING), st.integers(0, 300), st.text(max_size=12), st.integers(0, 12))
@settings(max_examples=60, deadline=None)
def test_a_damaged_line_is_read_or_left_but_never_fatal(line: str, at: int, damage: str, cut: int) -> None:
    event = read_line(line[:at] + damage + line[at + cut :])
    if isinstance(event, Timing):
        assert event.tokens >= 0 and event.seconds >= 0
    if isinstance(event, Progress):
        assert event.tokens >= 0 and event.rate >= 0
    if isinstance(event, Access):
        assert event.seconds is None or event.seconds >= 0


@given(st.lists(st.sampled_from(TELLING), max_size=30), st.lists(st.text(max_size=30), max_size=3))
@settings(max_examples=60, deadline=None)
def test_lines_in_any_order_never_make_a_sum_fall(lines: list[str], noise: list[str]) -> None:
    ledger = Ledger()
    reader = LogReader(ledger, lambda: "r1")
    tokens, seconds = 0, 0.0
    for line in (*lines, *noise, *lines):
        reader.feed(line)
        counts = ledger.models().get("r1")
        if counts:
            assert counts.decode_tokens >= tokens and counts.decode_seconds >= seconds
            tokens, seconds = counts.decode_tokens, counts.decode_seconds
    assert reader.busy >= 0
