"""A unit is followed to its end: each event once and the same result, wherever the connection is cut."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from unit_board import BOOT, UnitBoard, events_file, no_pause

from jetson_deploy.events import Event, Note, StepStarted
from jetson_deploy.fleet.failure import ConnectionLostError, DeviceError
from jetson_deploy.fleet.job.board import BoardAnswer, Unit
from jetson_deploy.fleet.job.folder import JobResult
from jetson_deploy.fleet.job.follow import follow
from jetson_deploy.fleet.job.link import Link

EVENTS: list[dict[str, Any]] = [
    {"event": "step-started", "step": "stage-image", "text": f"staging 🧊 number {n}"} for n in range(4)
]
RESULT = JobResult(exit_code=0, finished={"event": "finished", "exit_code": 0, "result": "done"}, last=5, boot=BOOT)
FILE = events_file(EVENTS, RESULT)


def followed(board: UnitBoard, *, patience: float = 1e9) -> tuple[BoardAnswer, list[Event]]:
    seen: list[Event] = []

    async def run() -> BoardAnswer:
        async with Link(board, board.device, patience=patience, sleep=no_pause) as link:
            return await follow(link, Unit(name="jd-fleet-1", environment={}), seen.append)

    return asyncio.run(run()), seen


def steps(seen: list[Event]) -> list[str]:
    return [event.text for event in seen if isinstance(event, StepStarted)]


def notes(seen: list[Event]) -> list[str]:
    return [event.text for event in seen if isinstance(event, Note)]


ALL = [str(event["text"]) for event in EVENTS]


@pytest.mark.fault("F22")
@settings(max_examples=40)
@given(cuts=st.lists(st.integers(0, len(FILE)), max_size=6), tears=st.booleans(), active=st.booleans())
def test_each_event_is_seen_once_and_the_result_is_the_same_wherever_it_is_cut(
    cuts: list[int], tears: bool, active: bool
) -> None:
    board = UnitBoard(FILE, RESULT, unit="active" if active else "inactive")
    board.cuts, board.tears = list(cuts), tears
    answer, seen = followed(board)
    assert (steps(seen), answer.result) == (ALL, RESULT)


def test_a_cut_at_every_single_byte_of_a_line() -> None:
    for cut in range(FILE.index(b'"n":2') - 1, FILE.index(b'"n":3')):  # one line with its ends
        board = UnitBoard(FILE, RESULT, unit="active")
        board.cuts = [cut]
        answer, seen = followed(board)
        assert (steps(seen), answer.result) == (ALL, RESULT), cut


def test_a_connection_that_is_lost_and_opened_again_is_said() -> None:
    board = UnitBoard(FILE, RESULT, unit="active")
    board.cuts, board.lost_at = [100], {1}
    _, seen = followed(board)
    assert notes(seen) == ["connection lost (Connection lost); the device goes on, it is asked again"]


def test_a_device_that_does_not_come_back_is_given_up() -> None:
    board = UnitBoard(FILE, RESULT, unit="active")
    board.cuts, board.lost_at = [100], set(range(1, 100))
    with pytest.raises(ConnectionLostError):
        followed(board, patience=0)


def test_a_changed_host_key_is_not_asked_again() -> None:
    board = UnitBoard(FILE, RESULT, unit="active")
    board.cuts = [100]

    async def run() -> None:
        async with Link(board, board.device, sleep=no_pause) as link:
            await link.connection()
            board.refusals = [DeviceError("its host key changed", hint="-", code="host-key-changed")] * 9
            await follow(link, Unit(name="jd-fleet-1", environment={}), lambda event: None)

    with pytest.raises(DeviceError, match="host key"):
        asyncio.run(run())
    assert len(board.refusals) == 8


def test_silence_of_a_unit_that_runs_is_said_and_it_is_followed_on() -> None:
    lines = FILE.splitlines(keepends=True)
    board = UnitBoard(lines[0], None, unit="active")
    board.silent, board.later = [True], [b"".join(lines[1:])]
    answer, seen = followed(board)
    assert (steps(seen), answer.result) == (ALL, RESULT)
    assert notes(seen) == ["no heartbeat for 20 s, though its unit runs"]


def test_a_unit_that_stays_silent_is_given_up_though_it_runs() -> None:
    board = UnitBoard(FILE.splitlines(keepends=True)[0], None, unit="active")
    board.silent = [True] * 99
    with pytest.raises(DeviceError) as given_up:
        followed(board, patience=180)
    assert (given_up.value.code, given_up.value.message) == (
        "no-heartbeat",
        "no heartbeat for 200 s, though its unit runs",
    )
    assert "systemctl status jd-fleet-1" in given_up.value.hint


def test_silences_with_a_line_between_them_are_not_added_up() -> None:
    lines = FILE.splitlines(keepends=True)
    board = UnitBoard(lines[0], None, unit="active")
    board.silent, board.later = [True] * 5, [*lines[1:4], lines[4] + lines[5]]
    answer, seen = followed(board, patience=30)
    assert (steps(seen), answer.result) == (ALL, RESULT)


def test_a_unit_that_is_gone_without_a_result_is_told_as_such_with_its_last_words() -> None:
    board = UnitBoard(events_file(EVENTS, None), None)
    answer, seen = followed(board)
    assert (answer.runs, answer.began, answer.result, steps(seen)) == (False, True, None, ALL)


def test_a_result_is_taken_from_its_file_where_the_events_do_not_hold_it() -> None:
    board = UnitBoard(events_file(EVENTS, None), RESULT)
    answer, seen = followed(board)
    assert (answer.result, steps(seen)) == (RESULT, ALL)


def test_lines_that_are_missing_are_counted() -> None:
    lines = FILE.splitlines(keepends=True)
    _, seen = followed(UnitBoard(lines[0] + lines[3] + lines[5], RESULT))
    assert notes(seen) == ["2 of the device's events are missing", "1 of the device's events are missing"]


@pytest.mark.parametrize(
    "line",
    [
        b"no json",
        b"\xff\xfe",
        b"{}",
        b'{"n":"x"}',
        b'{"n":2,"at":1,"event":{"event":"of-a-newer-tool","x":[1]}}',
        b'{"n":2,"event":[]}',
        b'{"n":2,"something":1}',
        b'{"n":2,"result":{}}',
    ],
)
def test_a_line_that_is_not_understood_costs_itself_alone(line: bytes) -> None:
    lines = FILE.splitlines(keepends=True)
    board = UnitBoard(lines[0] + line + b"\n" + b"".join(lines[2:]), RESULT, unit="active")
    answer, seen = followed(board)
    assert (steps(seen), answer.result) == (ALL[1:], RESULT)


def test_a_file_that_became_shorter_is_read_anew_and_nothing_is_told_twice() -> None:
    lines = FILE.splitlines(keepends=True)
    board = UnitBoard(b"".join(lines[:4]), None, unit="active")

    async def run() -> tuple[BoardAnswer, list[Event]]:
        seen: list[Event] = []
        async with Link(board, board.device, sleep=replaced) as link:
            return await follow(link, Unit(name="jd-fleet-1", environment={}), seen.append), seen

    async def replaced(seconds: float) -> None:
        board.events = msgspec.json.encode({"n": 1}) + b"\n" + b"".join(lines[-1:])

    answer, seen = asyncio.run(run())
    assert (answer.result, len(steps(seen))) == (RESULT, 3)
