"""One device's deployment from the controller's side: every end state by its way, and never two starts."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import pytest
from unit_board import BOOT, UnitBoard, events_file, lost, no_pause

from jetson_deploy.events import Event, Finished
from jetson_deploy.fleet.connection import Connection
from jetson_deploy.fleet.deploy import DeviceJobs
from jetson_deploy.fleet.device import Device
from jetson_deploy.fleet.end_state import DeviceResult
from jetson_deploy.fleet.failure import DeviceError
from jetson_deploy.fleet.job.folder import Before, Fetched, JobResult

NOTHING = Before()
SECOND = Before(revision=2, container="jd-default-2")
UP = {"schema": "jetson-deploy.up/1", "container": "jd-default-3", "downtime_seconds": 7.5}
UNHEALTHY = {"healthy": False, "verdicts": [{"check": "gpu", "passed": False, "observed": "0 %"}]}
GONE = {"code": "nothing-deployed", "message": "nothing is deployed"}


def of(code: int, result: str = "done", **fields: Any) -> JobResult:
    finished = {"event": "finished", "exit_code": code, "result": result, **fields}
    return JobResult(exit_code=code, finished=finished, last=2, boot=BOOT, seconds=12.5)


def healthy(container: str, **fields: Any) -> dict[str, Any]:
    return {"schema": "jetson-deploy.status/1", "healthy": True, "container": container, **fields}


def board_that_ends(result: JobResult | None, *, before: Before | None = NOTHING, **fields: Any) -> UnitBoard:
    """Once it is started."""
    board = UnitBoard()

    def begin() -> None:
        events = [{"event": "step-started", "step": "stage-image", "text": "staging"}]
        if result is not None and result.finished is not None:
            events.append(result.finished)
        board.events, board.result, board.before = events_file(events, result), result, before
        board.unit = "inactive" if result is None else "active"

    board.begin = begin  # type: ignore[method-assign]
    for name, value in fields.items():
        setattr(board, name, value)
    return board


async def brought(connection: Connection) -> str:
    return "/opt/jetson-deploy/1/bin/jetson-deploy"


class Jobs:
    """Of a rollout of one device."""

    def __init__(self, board: UnitBoard, bring: Callable[[Connection], Awaitable[str]] = brought, **given: Any) -> None:
        self.device = board.device
        self.seen: list[Event] = []
        self.jobs = DeviceJobs(board, "20260102T030405Z-beef", bring, sleep=no_pause, **given)

    def report(self, device: Device, event: Event) -> None:
        assert device is self.device
        self.seen.append(event)

    def deploy(self) -> DeviceResult:
        return asyncio.run(self.jobs.deploy(self.device, self.report))

    def take_up(self) -> DeviceResult | None:
        return asyncio.run(self.jobs.take_up(self.device, self.report))

    def prove(self) -> DeviceResult:
        return asyncio.run(self.jobs.prove(self.device))

    def roll_back(self) -> DeviceResult:
        return asyncio.run(self.jobs.roll_back(self.device))


@pytest.mark.parametrize(
    ("code", "result", "state"),
    [
        (0, "done", "proven"),
        (0, "no-changes", "unchanged"),
        (1, "unhealthy", "failed"),
        (2, "usage", "refused"),
        (3, "engine-absent", "refused"),
        (4, "registry-unreachable", "failed"),
        (6, "no-space", "refused"),
        (7, "generate-failed", "rolled-back"),
        (8, "needs-attention", "needs-attention"),
        (70, "bug", "failed"),
        (75, "in-use", "deferred"),
    ],
)
def test_how_up_ended_there_is_how_the_device_ended(code: int, result: str, state: str) -> None:
    jobs = Jobs(board_that_ends(of(code, result, message="the cause", hint="the fix")))
    found = jobs.deploy()
    assert (found.state, found.seconds) == (state, 12.5)
    told = ("", "", "") if code == 0 else ("the cause", "on the device: the fix", result)
    assert (found.reason, found.hint, found.code) == told
    assert [type(event) for event in jobs.seen][-1] is Finished


def test_a_board_on_which_another_run_works_is_waited_for_by_the_user_not_by_an_option_that_is_not_there() -> None:
    found = Jobs(board_that_ends(of(75, "locked", message="by root for 22 s", hint="run with --wait"))).deploy()
    assert (found.state, found.code, found.reason) == ("locked", "locked", "by root for 22 s")
    assert found.hint == "wait for its end there; then jetson-deploy fleet up --retry-failed"


IMPOSSIBLE = {
    "a downtime that no clock holds": of(0, document={**UP, "downtime_seconds": 10**400}),
    "a downtime before its start": of(0, document={**UP, "downtime_seconds": -1}),
    "more bytes than there are": msgspec.structs.replace(of(0), fetched=Fetched(bytes=10**400, seconds=1e-300)),
    "a run that took less than nothing": msgspec.structs.replace(of(0), seconds=-1.0),
}


@pytest.mark.parametrize("name", IMPOSSIBLE)
def test_numbers_that_cannot_be_are_not_taken_for_measurements(name: str) -> None:
    found = Jobs(board_that_ends(IMPOSSIBLE[name])).deploy()
    measured = (found.seconds, found.downtime_seconds, found.fetched_bytes_per_second)
    assert found.state == "proven"
    assert measured in ((12.5, None, None), (None, None, None))


@pytest.mark.parametrize(
    "event", [b'"\xff"', b"[" * 5000 + b"]" * 5000, b'{"event":"note","text":"\xff","level":"info"}']
)
def test_events_that_no_tool_writes_cost_one_device_its_line_and_nothing_more(event: bytes) -> None:
    board = UnitBoard(events_file([{"event": "mark"}], of(0)).replace(b'{"event":"mark"}', event))
    answer = Jobs(board).take_up()
    assert answer is not None
    assert answer.state == "proven"


def test_what_was_measured_and_answered_there_is_in_the_result() -> None:
    done = JobResult(
        exit_code=0, finished=of(0, document=UP).finished, fetched=Fetched(bytes=5_000_000, seconds=2.5), seconds=1.0
    )
    found = Jobs(board_that_ends(done)).deploy()
    assert (found.fetched_bytes_per_second, found.downtime_seconds, found.document) == (2_000_000, 7.5, UP)


def test_settings_and_environment_go_by_standard_input_and_stand_in_no_command() -> None:
    board = board_that_ends(of(0))
    Jobs(board, arguments=("--when-idle", "60")).deploy()
    assert board.wanted is not None
    assert board.wanted.environment == board.device.environment
    assert not any("hidden" in command for command in board.commands)
    unit, folder, tool, state, *arguments = board.started[0]
    assert (unit, folder) == (
        "jd-fleet-20260102T030405Z-beef",
        "/var/lib/jetson-deploy/fleet/jd-fleet-20260102T030405Z-beef",
    )
    assert (tool, state) == ("/opt/jetson-deploy/1/bin/jetson-deploy", "/var/lib/jetson-deploy")
    assert arguments == ["up", "-f", f"{folder}/request.yaml", "--when-idle", "60"]


def test_a_second_start_takes_up_the_unit_that_runs_and_one_that_ended_is_not_started_again() -> None:
    board = board_that_ends(of(0, document=UP))
    first, second = Jobs(board).deploy(), Jobs(board).deploy()
    assert (first.state, second) == ("proven", first)
    assert len(board.started) == 1


@pytest.mark.parametrize("question", [1, 2, 3])
def test_an_answer_that_is_lost_costs_nothing(question: int) -> None:
    board = board_that_ends(of(0, document=UP), lost_at={question}, cuts=[40])
    assert Jobs(board).deploy().state == "proven"
    assert len(board.started) == 1


def test_a_device_that_cannot_be_asked_since_the_start_is_unknown() -> None:
    board = board_that_ends(of(0), lost_at=set(range(1, 99)))
    found = Jobs(board, patience=0).deploy()
    assert (found.state, found.code) == ("unknown", "connection-lost")
    assert board.started


@pytest.mark.parametrize(
    ("code", "state"),
    [("unreachable", "unreachable"), ("host-key-changed", "unreachable"), ("ssh-config", "unreachable")],
)
def test_a_device_that_no_login_reached_is_unreachable(code: str, state: str) -> None:
    board = board_that_ends(of(0), refusals=[DeviceError("why", hint="how", code=code)])
    found = Jobs(board).deploy()
    assert (found.state, found.reason, found.hint, found.code) == (state, "why", "how", code)
    assert not board.started


def test_a_tool_that_cannot_be_brought_is_a_refusal_and_a_cut_meanwhile_is_not_unknown() -> None:
    async def full(connection: Connection) -> str:
        raise DeviceError("5 MB free, 40 needed", hint="make room", code="no-space")

    async def cut(connection: Connection) -> str:
        raise lost()

    async def no_root(connection: Connection) -> str:
        raise DeviceError("sudo wants a password", hint="give it", code="sudo-refused")

    assert Jobs(board_that_ends(of(0)), no_root).deploy().state == "refused"
    assert Jobs(board_that_ends(of(0)), full).deploy().state == "refused"
    assert Jobs(board_that_ends(of(0)), cut, patience=0).deploy().state == "unreachable"


def test_a_connection_that_is_lost_while_the_tool_is_brought_is_opened_again() -> None:
    tries: list[Connection] = []

    async def brought_late(connection: Connection) -> str:
        tries.append(connection)
        if len(tries) == 1:
            raise lost()
        return await brought(connection)

    board = board_that_ends(of(0, document=UP))
    assert Jobs(board, brought_late).deploy().state == "proven"
    assert (len(tries), board.connects) == (2, 2)


@pytest.mark.parametrize(
    ("result", "before", "status", "state", "reason"),
    [
        (None, SECOND, healthy("jd-default-2"), "rolled-back", "without a result"),
        (None, SECOND, healthy("jd-default-3"), "proven", ""),
        (None, NOTHING, healthy("jd-default-1"), "proven", ""),
        (None, SECOND, UNHEALTHY, "failed", "gpu: 0 %"),
        (None, NOTHING, GONE, "failed", "nothing is deployed"),
        (JobResult(exit_code=137), SECOND, healthy("jd-default-2"), "rolled-back", "signal 9"),
        (of(130, "interrupted", message="undone"), SECOND, healthy("jd-default-2"), "rolled-back", "undone"),
    ],
)  # fmt: skip
def test_where_there_is_no_result_the_devices_own_record_decides(
    result: JobResult | None, before: Before, status: dict[str, Any], state: str, reason: str
) -> None:
    board = board_that_ends(result, before=before, status=status, status_code=0 if status.get("healthy") else 1)
    found = Jobs(board).deploy()
    assert found.state == state
    assert reason in found.reason
    assert Jobs(board).take_up() == found
    assert len(board.started) == 1


@pytest.mark.parametrize(
    ("before", "status", "state", "reason"),
    [
        (SECOND, healthy("jd-default-2"), "rolled-back", "no registry; jd-default-2 serves as before"),
        (SECOND, UNHEALTHY, "failed", "no registry; what served before does not: gpu: 0 %"),
        (SECOND, {}, "failed", "no registry; what served before does not: it is not healthy"),
        (SECOND, healthy("jd-default-3"), "failed", "no registry; jd-default-3 serves"),
        (NOTHING, GONE, "failed", "no registry"),
        (Before(problem="damaged"), healthy("jd-default-2"), "failed", "no registry; jd-default-2 serves"),
    ],
)
@pytest.mark.parametrize("code", [1, 4, 5, 70])
def test_a_run_that_failed_says_whether_the_old_deployment_serves(
    code: int, before: Before, status: dict[str, Any], state: str, reason: str
) -> None:
    failed = of(code, "registry-unreachable", message="no registry")
    board = board_that_ends(failed, before=before, status=status)
    found = Jobs(board).deploy()
    assert (found.state, found.reason, found.code) == (state, reason, "registry-unreachable")
    assert Jobs(board).take_up() == found


def test_a_run_that_failed_where_the_device_cannot_be_asked_does_not_say_that_nothing_serves() -> None:
    board = board_that_ends(of(4, "registry-unreachable", message="no registry"), before=SECOND)
    board.status, board.status_code = {"code": "engine-absent", "message": "no engine", "hint": "start it"}, 3
    found = Jobs(board, patience=0).deploy()
    assert (found.state, found.reason) == ("failed", "no registry; what serves now is not known: no engine")


@pytest.mark.parametrize("code", [4, 7])
def test_a_way_back_that_failed_while_the_new_one_serves_is_not_rolled_back(code: int) -> None:
    result = of(code, "x", message="no registry")
    board = UnitBoard(events_file([], result), result)
    board.before, board.status = Before(revision=3, container="jd-default-3"), healthy("jd-default-3")
    found = Jobs(board).roll_back()
    assert found.state == "needs-attention"
    assert found.reason.startswith("no registry")


def test_an_engine_that_is_not_back_yet_after_a_reboot_is_waited_for() -> None:
    board = board_that_ends(None, before=SECOND)
    board.status, board.status_code = {"code": "engine-absent", "message": "no engine", "hint": "start it"}, 3
    asked = 0

    async def pause(seconds: float) -> None:
        nonlocal asked
        asked += 1
        if asked == 3:
            board.status, board.status_code = healthy("jd-default-2"), 0

    jobs = DeviceJobs(board, "1", brought, sleep=pause)
    assert asyncio.run(jobs.deploy(board.device, lambda device, event: None)).state == "rolled-back"


def test_an_engine_that_stays_away_is_a_failure_with_its_cause() -> None:
    board = board_that_ends(None, before=SECOND)
    board.status, board.status_code = {"code": "engine-absent", "message": "no engine", "hint": "start it"}, 3
    found = Jobs(board, patience=0).deploy()
    assert (found.state, found.reason, found.hint, found.code) == (
        "failed",
        "no engine",
        "on the device: start it",
        "not-ready",
    )
    assert Jobs(board, patience=0).prove().reason == "no engine"


HOSTILE: list[tuple[str, object]] = [
    ("fetched", {"bytes": 5, "seconds": 0}),
    ("fetched", {"bytes": 5, "seconds": -1}),
    ("finished", {"event": "finished", "exit_code": 10**18, "result": "\x1b[2J", "message": "\x00\u202e", "hint": ""}),
    ("finished", {"event": "finished", "exit_code": "0"}),
    ("finished", {"event": "note", "level": "info", "text": "x"}),
    ("finished", {"event": "finished", "exit_code": 0, "result": "done", "document": {"downtime_seconds": [1]}}),
    ("finished", {"event": "finished", "exit_code": 0, "result": "done", "document": {"container": {"x": 1}}}),
]


@pytest.mark.parametrize(("field", "value"), HOSTILE)
@pytest.mark.parametrize("status", [{}, {"verdicts": 7}, {"verdicts": [7]}, {"healthy": True}, {"container": [1]}])
def test_whatever_a_device_answers_it_has_one_end_state(field: str, value: object, status: dict[str, Any]) -> None:
    told = {"exit_code": 0, "finished": of(0).finished, field: value}
    board = board_that_ends(msgspec.convert(told, JobResult), before=SECOND, status=status)
    jobs = Jobs(board, patience=0)
    assert [type(found) for found in (jobs.deploy(), jobs.take_up(), jobs.prove(), jobs.roll_back())] == [
        DeviceResult
    ] * 4


def test_where_the_disk_is_full_nothing_is_started_and_the_refusal_says_so() -> None:
    board = board_that_ends(of(0, document=UP), room_kib=12)
    found = Jobs(board).deploy()
    assert (found.state, found.code, board.started) == ("refused", "no-space", [])
    assert "12 KiB are free at /var/lib/jetson-deploy" in found.reason
    assert "df -h /var/lib/jetson-deploy" in found.hint


@pytest.mark.parametrize(("lost_at", "state"), [(0, "refused"), (1, "unknown")])
def test_sudo_that_is_refused_at_the_start_began_nothing_unless_a_start_was_lost_before(
    lost_at: int, state: str
) -> None:
    board = board_that_ends(of(0, document=UP))
    board.sudo_refused_at, board.lost_at = lost_at + 1, {lost_at}
    found = Jobs(board).deploy()
    assert (found.state, found.code) == (state, "sudo-refused")
    assert len(board.started) == lost_at


def test_a_unit_that_could_not_write_its_result_has_the_full_disk_as_its_cause() -> None:
    board = UnitBoard(events_file([], None))
    board.room_kib, board.before, board.status = 0, SECOND, healthy("jd-default-2")
    found = Jobs(board, patience=0).take_up()
    assert found is not None
    assert (found.state, found.code) == ("rolled-back", "no-result")
    assert "its disk is full, 0 KiB are free" in found.reason


@pytest.mark.fault("F22")
@pytest.mark.parametrize("question", range(1, 6))
@pytest.mark.parametrize("again", ["deploy", "take_up"])
def test_a_controller_that_is_killed_at_any_question_is_taken_up_with_one_start(question: int, again: str) -> None:
    board = board_that_ends(of(0, document=UP))
    board.killed_at = question
    with contextlib.suppress(asyncio.CancelledError):
        Jobs(board).deploy()
    board.killed_at = 0
    found = Jobs(board).deploy() if again == "deploy" or not board.started else Jobs(board).take_up()
    assert found is not None
    assert (found.state, len(board.started)) == ("proven", 1)


def test_taking_up_where_nothing_was_started_answers_none_and_starts_nothing() -> None:
    board = board_that_ends(of(0))
    assert Jobs(board).take_up() is None
    assert not board.started


def test_a_unit_of_which_systemd_says_nothing_has_not_ended() -> None:
    board = UnitBoard(events_file([], None), unit="unknown")
    board.status = healthy("jd-default-2")
    found = Jobs(board, patience=0).take_up()
    assert found is not None
    assert (found.state, found.code) == ("unknown", "timed-out")
    board.result = of(0)
    found = Jobs(board).take_up()
    assert found is not None
    assert found.state == "proven"


def test_a_unit_that_works_without_end_keeps_no_rollout_for_ever() -> None:
    async def a_moment(seconds: float) -> None:
        await asyncio.sleep(0)

    board = UnitBoard(events_file([], None), unit="active")
    jobs = DeviceJobs(board, "20260102T030405Z-beef", brought, longest=0.01, sleep=a_moment)
    found = asyncio.run(jobs.take_up(board.device, lambda device, event: None))
    assert found is not None
    assert (found.state, found.code) == ("unknown", "too-long")


def test_taking_up_a_device_that_does_not_answer_is_unknown() -> None:
    board = board_that_ends(of(0), refusals=[DeviceError("no route", hint="is it on?", code="unreachable")] * 2)
    found = Jobs(board, patience=0).take_up()
    assert found is not None
    assert (found.state, found.code) == ("unknown", "unreachable")


@pytest.mark.parametrize(
    ("status", "state", "code"),
    [
        (healthy("jd-default-3"), "unchanged", ""),
        (healthy("jd-default-4"), "failed", "another-revision"),
        ({"healthy": False, "container": "jd-default-3"}, "failed", "second-proof-failed"),
        ({"code": "nothing-deployed", "message": "gone"}, "failed", "nothing-deployed"),
    ],
)
def test_the_second_proof_asks_the_container_that_passed_the_first(
    status: dict[str, Any], state: str, code: str
) -> None:
    board = board_that_ends(of(0, document=UP), status=status)
    Jobs(board).deploy()
    found = Jobs(board).prove()
    assert (found.state, found.code) == (state, code)
    assert len(board.started) == 1


@pytest.mark.parametrize(
    ("before", "status", "arguments"),
    [
        (SECOND, healthy("jd-default-3"), ["rollback", "2", "--force", "--name", "default"]),
        (NOTHING, healthy("jd-default-1"), ["down", "--name", "default"]),
        (NOTHING, healthy("jd-default-2", previous={"revision": 1}), ["rollback", "--name", "default"]),
        (Before(problem="damaged"), healthy("jd-default-2"), ["rollback", "--name", "default"]),
    ],
)
def test_the_way_back_is_to_what_the_device_had_before(
    before: Before, status: dict[str, Any], arguments: list[str]
) -> None:
    board = UnitBoard(events_file([], of(0)), of(0))
    board.before, board.status = before, status
    first = Jobs(board)
    answers = {"-beef": board.result, "-back": None}

    def ask(found: list[str], stdin: bytes) -> bytes:
        board.result = answers[found[0][-5:]]
        board.events = events_file([], board.result) if board.result else b""
        return ordinary(found, stdin)

    def begin() -> None:
        answers["-back"] = board.result = of(0)
        board.events = events_file([], of(0))

    ordinary, board._ask, board.begin = board._ask, ask, begin  # type: ignore[method-assign, assignment]
    found = first.roll_back()
    assert found.state == "rolled-back"
    assert [list(start[4:]) for start in board.started] == [arguments]
    assert first.roll_back() == found
    assert len(board.started) == 1


@pytest.mark.parametrize("before", [None, SECOND])
def test_where_nothing_was_changed_nothing_is_rolled_back(before: Before | None) -> None:
    board = UnitBoard()
    board.before, board.status = before, healthy("jd-default-2")
    assert Jobs(board).roll_back().state == "unchanged"
    assert not board.started
