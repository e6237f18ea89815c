"""`up --speculate ngram`: measured without and with, left on where it pays, turned off and said where it does not."""

from __future__ import annotations

from pathlib import Path

from fake_board import FakeBoard, Killed
from server import Behaviour

from jetson_deploy.errors import PreflightError, RolledBackError, UsageError
from jetson_deploy.events import Verdict

_SWAP = tuple(f"{act} jd-default-2-candidate" for act in ("stop", "remove", "create", "start"))
ACTS = dict(enumerate(_SWAP * 2, 5))
"""Of the runtime by their numbers, behind pull, create, stop of the old one, start."""
FIRST_OF_TURNING_OFF = 9


def what_pays_is_left_on_in_one_revision_and_the_server_before_is_the_way_back(folder: Path) -> None:
    board = FakeBoard(folder)
    board.up()
    done = board.up(server="llama.cpp", speculate="ngram")
    assert (done.result, done.container, said(board)) == ("done", "jd-default-2", True)
    assert (runs_with(board), recorded(board)) == ("on", "on")
    assert board.containers == {"jd-default-1": ("exited", "no"), "jd-default-2": ("running", "always")}
    assert board.up().result == "no-changes"
    assert not board.status(drift=True).drifted
    board.roll_back()
    board.roll_back()
    assert runs_with(board) == "on"


def what_does_not_pay_is_turned_off_and_the_next_run_changes_nothing(folder: Path) -> None:
    for number, factors in enumerate(((1.09, 1.0), (2.0, 0.96))):
        board = FakeBoard(folder / str(number))
        board.speculation = factors
        done = board.up(server="llama.cpp", speculate="ngram")
        assert (done.result, said(board)) == ("done", None)
        assert (runs_with(board), recorded(board)) == ("off", "off")
        assert board.up(server="llama.cpp", speculate="ngram").result == "no-changes"
        assert not board.status(drift=True).drifted


def a_server_that_fails_with_it_serves_without_it(folder: Path) -> None:
    for number, fault in enumerate((Behaviour(exit_code=1), Behaviour(piece="a"), Behaviour(broken="no more"))):
        board = FakeBoard(folder / str(number))
        board.speculation = fault
        assert board.up(server="llama.cpp", speculate="ngram").result == "done"
        assert (said(board), runs_with(board), recorded(board)) == (None, "off", "off")


def it_goes_when_it_is_no_longer_wanted_and_with_the_server_that_had_it(folder: Path) -> None:
    board = FakeBoard(folder)
    board.up(server="llama.cpp", speculate="ngram")
    assert board.up(speculate="off").container == "jd-default-2"
    assert runs_with(board) is None
    board.up(speculate="ngram")
    assert runs_with(board) == "on"
    board.up(server="ollama")
    assert runs_with(board) is None
    try:
        board.up(speculate="ngram")
    except UsageError as error:
        assert (error.code, "--server llama.cpp" in error.hint) == ("speculation-not-possible", True)
        return
    raise AssertionError("it was not refused")


def a_run_that_dies_or_fails_in_the_midst_is_undone_and_the_old_server_serves(folder: Path) -> None:
    engine = PreflightError("the engine refuses", hint="look at its log", code="engine-error")
    for number in ACTS:
        for fault in (Killed(), engine):
            board = FakeBoard(folder / f"{number}-{type(fault).__name__}")
            board.speculation = (1.0, 1.0)
            board.up()
            board.acts()
            board.runtime.fail(fault, at=number)
            try:
                board.up(server="llama.cpp", speculate="ngram")
            except Killed:
                assert board.acts()[-1] == ACTS[number]
                assert board.recover().serves == "jd-default-1"
            except RolledBackError:
                assert number >= FIRST_OF_TURNING_OFF
            else:
                assert number < FIRST_OF_TURNING_OFF
                assert runs_with(board) == "off"
                continue
            assert board.status().healthy
            assert list(board.containers) == ["jd-default-1"]


def said(board: FakeBoard) -> bool | None:
    (verdict,) = [one for one in board.events if isinstance(one, Verdict) and one.check == "speculation"]
    assert ("turned off" in verdict.observed) is (verdict.passed is None)
    return verdict.passed


def runs_with(board: FakeBoard) -> str | None:
    (running,) = [one for one in board.runtime.containers.values() if one.state == "running"]
    assert running.spec is not None
    return running.spec.environment.get("FAKE_SPECULATION")


def recorded(board: FakeBoard) -> str | None:
    current = board.state.revision(board.state.current or 0)
    assert current is not None and current.spec is not None
    return current.spec.environment.get("FAKE_SPECULATION")


FLOWS = (
    what_pays_is_left_on_in_one_revision_and_the_server_before_is_the_way_back,
    what_does_not_pay_is_turned_off_and_the_next_run_changes_nothing,
    a_server_that_fails_with_it_serves_without_it,
    it_goes_when_it_is_no_longer_wanted_and_with_the_server_that_had_it,
    a_run_that_dies_or_fails_in_the_midst_is_undone_and_the_old_server_serves,
)
