"""The controller is killed at every line of its record and after every answer of a device: `resume` ends the same."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TypeAlias

import pytest
from fleet_work import Board, Controller, FakeWork, Killed, begun

from jetson_deploy.fleet.end_state import EndState
from jetson_deploy.fleet.rollout.lines import BatchJudged
from jetson_deploy.fleet.rollout.record import FILE, read, whole_lines
from jetson_deploy.fleet.rollout.story import Story

Expected: TypeAlias = dict[str, tuple[EndState | None, str | None]]
"""Device → how it ended in the record, and what serves there."""
PASSED = BatchJudged(batch=0, passed=True, text="")

PASSING = {"a1": "proven", "a2": "unchanged", "b1": "cut-then-proven", "b2": "unreachable", "c1": "rolled-back"}
FAILING = {"a1": "proven", "a2": "second-proof-fails", "b1": "failed", "b2": "proven", "c1": "proven"}
LENIENT: dict[str, object] = {
    "sequence": [{"selector": "a1"}, {"limit": "50%"}],
    "success_threshold": "20%",
    "disruption_budget": {"max_unavailable": 2},
}
STRICT: dict[str, object] = {"sequence": [{"selector": "a1"}, {"limit": 2}], "success_threshold": "100%"}
CASES: dict[str, tuple[Mapping[str, str], Mapping[str, object], bool]] = {
    "passing": (PASSING, LENIENT, False),
    "stopped": (FAILING, STRICT, False),
    "rolled back": (FAILING, STRICT, True),
}


def boards(behaviours: Mapping[str, str]) -> list[Board]:
    return [Board(name, behaviour) for name, behaviour in behaviours.items()]


def undisturbed(directory: Path, case: str) -> tuple[Expected, int, int]:
    """Also the lines of the record, and the answers of devices."""
    behaviours, section, back = CASES[case]
    work = FakeWork(boards(behaviours))
    story = Controller(directory / "undisturbed", work).up(begun(boards(behaviours), section), rollback_all=back)
    expected = {name: (story.devices[name].state, board.serves) for name, board in work.boards.items()}
    return expected, story.lines, len(work.calls)


def killed_and_resumed(directory: Path, case: str, *, line: int | None = None, answer: int | None = None) -> FakeWork:
    behaviours, section, back = CASES[case]
    on_boards = boards(behaviours)
    first = Controller(directory, FakeWork(on_boards, killed_after=answer))
    first.killed_at = line
    with pytest.raises(Killed):
        first.up(begun(on_boards, section), rollback_all=back)
    second = FakeWork(on_boards)
    Controller(directory, second).resume(rollback_all=back)
    return second


def assert_same_or_untouched(story: Story, work: FakeWork, expected: Expected, when: str) -> None:
    """What was at work is asked first: a device beside it, not begun yet, is left alone where that has failed."""
    for name, board in work.boards.items():
        end = story.devices[name].state
        left_alone = end is None and story.devices[name].phase == "waiting" and board.starts == 0
        of_failed_batch = not story.judged.get(story.devices[name].batch.number, PASSED).passed
        assert (end, board.serves) == expected[name] or (left_alone and of_failed_batch), f"{name}, {when}"


@pytest.mark.parametrize("case", CASES)
def test_killed_after_any_line_a_resumed_rollout_ends_as_an_undisturbed_one(tmp_path: Path, case: str) -> None:
    expected, lines, _ = undisturbed(tmp_path, case)
    for line in range(lines):
        directory = tmp_path / f"line-{line}"
        work = killed_and_resumed(directory, case, line=line)
        assert_same_or_untouched(read(directory), work, expected, f"killed after line {line}")
        assert max(board.starts for board in work.boards.values()) == 1, f"killed after line {line}"


@pytest.mark.parametrize("case", CASES)
def test_killed_before_an_answer_is_written_a_resumed_rollout_ends_the_same(tmp_path: Path, case: str) -> None:
    expected, _, answers = undisturbed(tmp_path, case)
    killed = 0
    for answer in range(answers):
        directory = tmp_path / f"answer-{answer}"
        try:
            work = killed_and_resumed(directory, case, answer=answer)
        except pytest.fail.Exception:  # it had fewer answers: of a device that was cut off none came
            break
        killed += 1
        assert_same_or_untouched(read(directory), work, expected, f"killed before answer {answer}")
        assert max(board.starts for board in work.boards.values()) == 1
    assert killed > 4


def test_a_record_cut_at_any_byte_reads_as_a_prefix_of_its_lines(tmp_path: Path) -> None:
    undisturbed(tmp_path, "passing")
    data = (tmp_path / "undisturbed" / FILE).read_bytes()
    whole, length = whole_lines(data)
    assert length == len(data)
    for cut in range(len(data)):
        lines, kept = whole_lines(data[:cut])
        assert lines == whole[: data[:cut].count(b"\n")]
        assert kept <= cut


def test_what_a_cut_left_of_the_last_line_is_gone_when_the_record_goes_on(tmp_path: Path) -> None:
    behaviours, section, _ = CASES["passing"]
    on_boards = boards(behaviours)
    first = Controller(tmp_path / "r", FakeWork(on_boards))
    first.killed_at = 6
    with pytest.raises(Killed):
        first.up(begun(on_boards, section))
    path = tmp_path / "r" / FILE
    path.write_bytes(path.read_bytes()[:-7])
    Controller(tmp_path / "r", FakeWork(on_boards)).resume()
    lines, length = whole_lines(path.read_bytes())
    assert length == path.stat().st_size
    assert [line.n for line in lines] == list(range(len(lines)))
