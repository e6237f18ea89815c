"""A rollout over boards that succeed, fail, vanish and come back."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from pathlib import Path

import pytest
from fleet_work import Board, Controller, FakeClock, FakeWork, begun, ends

from jetson_deploy.errors import LockedError
from jetson_deploy.fleet.device import Device
from jetson_deploy.fleet.end_state import DeviceResult
from jetson_deploy.fleet.rollout.control import ask, withdraw
from jetson_deploy.fleet.rollout.lines import BatchStarted, DeviceStarted, Held, WentOn
from jetson_deploy.fleet.rollout.record import FILE, taken
from jetson_deploy.fleet.rollout.story import Story
from jetson_deploy.fleet.rollout.work import Report

ONE_THEN_TWO: dict[str, object] = {"sequence": [{"limit": 1}, {"limit": 2}], "success_threshold": "100%"}


def up(
    directory: Path, boards: list[Board], section: dict[str, object] | None = None, **how: bool
) -> tuple[Story, FakeWork]:
    work = FakeWork(boards)
    return Controller(directory, work).up(begun(boards, section), **how), work


@pytest.fixture
def at(tmp_path: Path) -> Path:
    return tmp_path / "fleet" / "20261129T120000Z-00aa"


def test_every_device_is_proven_twice_with_the_soak_between(at: Path) -> None:
    boards = [Board(f"a{number}") for number in range(4)]
    work = FakeWork(boards)
    controller = Controller(at, work)
    story = controller.up(begun(boards, {"soak": 77}))
    assert set(ends(story).values()) == {"proven"}
    assert story.closed is not None
    assert story.closed.result == "done"
    assert controller.fake_clock.slept.count(77) == 4
    assert [call for call in work.calls if "a0" in call] == ["deploy a0", "prove a0"]
    assert work.calls.index("prove a0") < work.calls.index("deploy a1"), "the canary's soak comes before the others"


def test_a_canary_that_fails_leaves_every_other_device_alone(at: Path) -> None:
    boards = [Board("a1", "rolled-back"), *(Board(f"b{number}") for number in range(5))]
    story, work = up(at, boards)
    assert work.calls == ["deploy a1"]
    assert ends(story) == {"a1": "rolled-back", **{f"b{number}": "waiting" for number in range(5)}}
    assert story.closed is not None
    assert story.closed.result == "stopped"
    assert "batch 1 (canary): 0 of 1 as wanted" in story.closed.reason


def test_a_device_that_serves_no_more_after_the_soak_has_failed(at: Path) -> None:
    story, _ = up(at, [Board("a1", "second-proof-fails"), Board("a2")])
    assert ends(story) == {"a1": "failed", "a2": "waiting"}
    end = story.devices["a1"].end
    assert end is not None
    assert end.reason == "the second proof, 60 s after the first: it no longer answers"


def test_a_device_that_is_as_wanted_already_is_a_success_without_a_soak(at: Path) -> None:
    work = FakeWork([Board("a1", "unchanged"), Board("a2", "unchanged")])
    controller = Controller(at, work)
    story = controller.up(begun(list(work.boards.values())))
    assert set(ends(story).values()) == {"unchanged"}
    assert 60 not in controller.fake_clock.slept
    assert work.calls == ["deploy a1", "deploy a2"]


def test_within_the_threshold_some_may_fail(at: Path) -> None:
    boards = [Board(f"a{number}", "failed" if number == 3 else "proven") for number in range(10)]
    story, _ = up(at, boards, {"sequence": [{"limit": 5}], "success_threshold": "80%"})
    assert list(ends(story).values()).count("proven") == 9
    assert story.closed is not None
    assert story.closed.result == "done"


def test_once_a_batch_can_pass_no_more_no_further_device_of_it_is_begun(at: Path) -> None:
    boards = [Board(f"a{number}", "failed" if number == 0 else "proven") for number in range(6)]
    section: dict[str, object] = {
        "sequence": [{}],
        "success_threshold": "100%",
        "disruption_budget": {"max_unavailable": 2},
    }
    story, _ = up(at, boards, section)
    assert sum(board.starts for board in boards) == 2
    assert list(ends(story).values()).count("waiting") == 4


@pytest.mark.parametrize("had", ["old", None], ids=["a deployment before", "none before"])
def test_rollback_all_brings_back_what_each_device_had(at: Path, had: str | None) -> None:
    boards = [Board("a1", had=had), Board("a2", "second-proof-fails", had=had), Board("a3", had=had), Board("a4")]
    story, work = up(at, boards, ONE_THEN_TWO, rollback_all=True)
    assert ends(story) == {"a1": "rolled-back", "a2": "rolled-back", "a3": "rolled-back", "a4": "waiting"}
    assert [board.serves for board in boards] == [had, had, had, "old"]
    assert "roll-back a4" not in work.calls
    end = story.devices["a1"].end
    assert end is not None
    assert end.reason.startswith("rolled back with the rollout: batch 2 (2 of all)")


def test_without_rollback_all_what_was_changed_stays(at: Path) -> None:
    boards = [Board("a1"), Board("a2", "failed"), Board("a3")]
    story, work = up(at, boards, ONE_THEN_TWO)
    assert boards[0].serves == "new"
    assert not [call for call in work.calls if call.startswith("roll-back")]
    assert ends(story)["a1"] == "proven"


def test_a_device_that_was_cut_off_is_asked_again_at_the_end_of_its_batch(at: Path) -> None:
    boards = [Board("a1", "cut-then-proven"), Board("a2")]
    story, work = up(at, boards)
    assert set(ends(story).values()) == {"proven"}
    assert work.calls == ["deploy a1", "take-up a1", "prove a1", "deploy a2", "prove a2"]


def test_a_device_that_cannot_be_asked_counts_as_failed(at: Path) -> None:
    boards = [Board("a1", "cut-for-ever"), Board("a2")]
    story, _ = up(at, boards)
    assert ends(story) == {"a1": "unknown", "a2": "waiting"}


def test_resume_asks_the_unknown_first_and_goes_on_when_they_answer(at: Path) -> None:
    boards = [Board("a1", "cut-for-ever"), Board("a2")]
    up(at, boards)
    boards[0].behaviour = "cut-then-proven"
    work = FakeWork(boards)
    story = Controller(at, work).resume()
    assert work.calls == ["take-up a1", "prove a1", "deploy a2", "prove a2"]
    assert set(ends(story).values()) == {"proven"}
    assert boards[0].starts == 1


def test_resume_begins_those_that_were_never_reached(at: Path) -> None:
    boards = [Board("a1"), Board("a2", "unreachable")]
    story, _ = up(at, boards)
    assert ends(story) == {"a1": "proven", "a2": "unreachable"}
    boards[1].behaviour = "proven"
    work = FakeWork(boards)
    story = Controller(at, work).resume()
    assert work.calls == ["deploy a2", "prove a2"]
    assert set(ends(story).values()) == {"proven"}


def test_a_device_that_its_plan_refuses_counts_against_its_batch_and_is_never_asked(at: Path) -> None:
    boards = [Board(f"a{number}") for number in range(4)]
    refused = DeviceResult(device="a1", state="refused", reason="no image for L4T 32")
    work = FakeWork(boards)
    start = begun(boards, {"success_threshold": "100%"}, results=[refused])
    story = Controller(at, work).up(start)
    assert [batch.devices for batch in start.batches][-1] == ("a1",), "no canary: its plan is not carried out"
    assert ends(story) == {"a0": "proven", "a1": "refused", "a2": "proven", "a3": "proven"}
    assert boards[1].starts == 0
    assert story.closed is not None
    assert story.closed.result == "stopped"


def test_devices_in_use_are_deferred_and_neither_let_a_batch_pass_nor_fail(at: Path) -> None:
    boards = [Board("a1"), Board("a2", "deferred"), Board("a3"), Board("a4")]
    story, _ = up(at, boards, {"sequence": [{"limit": 1}, {"limit": 2}], "success_threshold": "100%"})
    assert ends(story) == {"a1": "proven", "a2": "deferred", "a3": "proven", "a4": "proven"}


def test_a_batch_of_nothing_but_deferred_devices_lets_no_other_through(at: Path) -> None:
    story, _ = up(at, [Board("a1", "deferred"), Board("a2")])
    assert ends(story) == {"a1": "deferred", "a2": "waiting"}


def test_while_it_is_paused_no_device_is_begun_and_what_runs_ends(at: Path) -> None:
    boards = [Board("a1"), Board("a2")]
    work, clock = FakeWork(boards), FakeClock()
    controller = Controller(at, work, clock)
    seen: list[str] = []

    def in_a_while(_: float) -> None:
        if len(clock.slept) > 20:
            withdraw(at)

    def at_line(line: object) -> None:
        if isinstance(line, DeviceStarted) and line.device == "a1":
            ask(at, "pause")
        if isinstance(line, Held):
            seen.append(f"held: {line.why}, {sorted(work.calls)}")
            clock.at_sleep = in_a_while
        if isinstance(line, WentOn):
            seen.append(f"went on, {len(work.calls)} calls")

    controller.at_line = at_line
    story = controller.up(begun(boards))
    assert seen == ["held: paused, ['deploy a1', 'prove a1']", "went on, 2 calls"]
    assert set(ends(story).values()) == {"proven"}


def test_an_abort_lets_what_runs_end_and_begins_nothing(at: Path) -> None:
    boards = [Board("a1"), Board("a2"), Board("a3")]
    controller = Controller(at, FakeWork(boards))
    controller.at_line = lambda line: ask(at, "abort") if isinstance(line, BatchStarted) and line.batch == 2 else None
    story = controller.up(begun(boards, {"sequence": [{"limit": 1}]}))
    assert ends(story) == {"a1": "proven", "a2": "waiting", "a3": "waiting"}
    assert story.closed is not None
    assert story.closed.result == "aborted"


def test_outside_its_window_a_rollout_waits_and_says_until_when(at: Path) -> None:
    boards = [Board("a1")]
    clock = FakeClock(datetime(2026, 11, 29, 21, 59, 50, tzinfo=timezone.utc))
    controller = Controller(at, FakeWork(boards), clock)
    held: list[str] = []
    controller.at_line = lambda line: held.append(line.why) if isinstance(line, Held) else None
    controller.up(begun(boards, {"update_window": {"hours": "22:00-23:00"}}))
    assert held == ["outside the update window; it opens Sun 22:00"]
    lines = [json.loads(line) for line in (at / FILE).read_text(encoding="ascii").splitlines()]
    [started] = [line["at"] for line in lines if line["kind"] == "device-started"]
    assert started == "2026-11-29T22:00:00+00:00"


def test_two_controllers_never_work_on_one_rollout(at: Path) -> None:
    boards = [Board("a1")]
    controller = Controller(at, FakeWork(boards))
    refused: list[LockedError] = []

    def second(line: object) -> None:
        if isinstance(line, DeviceStarted):
            with pytest.raises(LockedError) as other, taken(at):
                pass
            refused.append(other.value)

    controller.at_line = second
    controller.up(begun(boards))
    [error] = refused
    assert "someone on laptop (pid 1) since 2026-11-29T12:00:00+00:00" in error.message
    assert error.exit_code == 75


def test_the_record_is_the_owners_alone_and_plain_ascii_whatever_a_device_says(at: Path) -> None:
    hostile = "\x1b[2J\x9b31m‮gnp.exe\nline two"

    class Liar(FakeWork):
        async def deploy(self, device: Device, report: Report) -> DeviceResult:
            return DeviceResult(device=device.name, state="failed", reason=hostile * 1000, hint=hostile, code=hostile)

    boards = [Board("a1")]
    story = Controller(at, Liar(boards)).up(begun(boards))
    data = (at / FILE).read_bytes()
    assert data.isascii()
    assert all(byte == 10 or 32 <= byte < 127 for byte in data)
    assert len(data) < 20_000
    assert (at / FILE).stat().st_mode & 0o777 == 0o600
    assert at.stat().st_mode & 0o777 == 0o700
    end = story.devices["a1"].end
    assert end is not None
    assert "\n" not in end.reason
