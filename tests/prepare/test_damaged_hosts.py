"""Hosts that a step cannot change, or that are half changed: refused with cause and fix, and nothing is lost."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from bare_board import BareBoard, captured_facts, in_child, quiet

from jetson_deploy.deployment.revisions import Actor
from jetson_deploy.errors import PreflightError, ResourceError, UsageError
from jetson_deploy.prepare.book import Book, Prepared
from jetson_deploy.prepare.host_set import overview
from jetson_deploy.prepare.overview import check_is_jetson, chosen_steps, command_of
from jetson_deploy.prepare.placing import temporary, write_beside
from jetson_deploy.prepare.run import Preparer, chosen_entries
from jetson_deploy.prepare.steps.listed import STEPS
from jetson_deploy.prepare.write_file import JsonEdit

TARGET = "etc/systemd/system/default.target"
SWAP = "ssd/jetson-deploy.swap"


@pytest.fixture
def board(tmp_path: Path) -> BareBoard:
    return BareBoard(tmp_path).make(captured=False)


def preparer(board: BareBoard, crash_at: str | None = None) -> Preparer:
    by = Actor(user="ada", command="prepare")
    return Preparer(machine=board.machine, book=Book(board.folder / "state"), by=by, report=quiet, crash_at=crash_at)


def target_is_a_file(board: BareBoard) -> None:
    (board.root / TARGET).unlink()
    (board.root / TARGET).write_text("[Unit]\n")
    shipped = board.root / "lib/systemd/system/default.target"
    shipped.parent.mkdir(parents=True, exist_ok=True)
    shipped.symlink_to("graphical.target")


def foreign_swap_file(board: BareBoard) -> None:
    (board.root / SWAP).write_text("a person's")


def directory_for_swap(board: BareBoard) -> None:
    (board.root / SWAP).mkdir()


@pytest.mark.parametrize(
    ("step", "damage"),
    [("desktop-off", target_is_a_file), ("swap", foreign_swap_file), ("swap", directory_for_swap)],
)
def test_what_another_made_is_not_replaced(board: BareBoard, step: str, damage: Callable[[BareBoard], None]) -> None:
    damage(board)
    before = board.tree()
    row = overview(board.look(), [STEPS[step]], Prepared()).steps[0]
    assert (row.state, bool(row.fix)) == ("refused", True)
    assert f"--skip {step}" in row.fix
    assert board.tree() == before


def test_an_error_of_the_system_in_a_change_is_a_refusal_with_a_fix_and_the_step_is_taken_back(
    board: BareBoard,
) -> None:
    step = STEPS["journal-size"]
    look = board.look()
    seen = step.check(look)
    lost = msgspec.structs.replace(step, look=lambda _: seen)
    folder = board.root / "etc/systemd/journald.conf.d"
    folder.symlink_to("/nowhere")  # since it was looked at
    with pytest.raises(PreflightError, match="cannot be written: File exists") as caught:
        preparer(board).do([lost], look)
    assert caught.value.hint.startswith("look at it: ls -l")
    assert Book(board.folder / "state").load() == Prepared()


def test_a_step_left_half_done_is_to_do_even_where_its_check_finds_it_ready(board: BareBoard) -> None:
    step = STEPS["journal-size"]
    in_child(lambda: preparer(board, "prepare:2:after").do([step], board.look()))
    assert step.check(board.look()).state == "ready"
    row = overview(board.look(), [step], Book(board.folder / "state").load()).steps[0]
    assert (row.state, row.now) == ("to-do", "an interrupted run left it half done")


def test_without_the_program_that_reads_it_a_file_is_written_and_taken_back(board: BareBoard) -> None:
    before = board.tree()
    bare = msgspec.structs.replace(board.machine, run=lambda argv: BareBoard.run(board, ["none", *argv]))
    one = msgspec.structs.replace(preparer(board), machine=bare)
    assert one.do([STEPS["journal-size"]], msgspec.structs.replace(board.look(), machine=bare)) == ("journal-size",)
    one.undo(chosen_entries(one.book.load(), ()))
    assert board.tree() == before


def test_a_number_of_ten_thousand_digits_where_ours_stood_is_another_value() -> None:
    edit = JsonEdit(keys=("a",), value='"ours"', was=None)
    assert edit.out_of('{"a": ' + "1" * 10_000 + "}") is None


@pytest.mark.parametrize(("only", "skip"), [(["swap"], ["swap"]), ([], list(STEPS))])
def test_a_choice_that_leaves_no_step_is_refused(only: list[str], skip: list[str]) -> None:
    with pytest.raises(UsageError, match="no step is left"):
        chosen_steps(only, skip)


def test_a_machine_that_is_no_jetson_is_left_alone() -> None:
    check_is_jetson(captured_facts())
    with pytest.raises(PreflightError) as caught:
        check_is_jetson(msgspec.structs.replace(captured_facts(), is_jetson=False))
    assert caught.value.code == "not-a-jetson"


@pytest.mark.parametrize(
    ("only", "skip", "said"),
    [
        ([], [], "sudo jetson-deploy prepare --yes"),
        (["swap"], [], "sudo jetson-deploy prepare --only swap --yes"),
        (["ollama-service", "swap"], [], "sudo jetson-deploy prepare --only swap,ollama-service --yes"),
    ],
)
def test_the_command_that_is_shown_does_what_was_asked_for_and_no_more(
    only: list[str], skip: list[str], said: str
) -> None:
    assert command_of(chosen_steps(only, skip), reboot=False) == said
    assert "--reboot" in command_of(chosen_steps(only, skip), reboot=True)


def test_a_file_that_could_not_be_written_whole_for_its_check_does_not_stay(tmp_path: Path) -> None:
    path = tmp_path / "daemon.json"

    def too_large() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        with contextlib.suppress(PreflightError, ResourceError):
            write_beside(path, b"x" * 8192)
            os._exit(3)

    assert in_child(too_large) == 0
    assert not temporary(path).exists()
