"""Moves on the bare board: done, killed at each border, taken back, and on programs that fail."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from bare_board import BareBoard, in_child, quiet

from jetson_deploy.deployment.revisions import Actor
from jetson_deploy.prepare.book import Book
from jetson_deploy.prepare.machine import Answer
from jetson_deploy.prepare.run import Preparer, chosen_entries


def preparer(board: BareBoard, crash_at: str | None = None) -> Preparer:
    book = Book(board.folder / "state")
    return Preparer(machine=board.machine, book=book, by=Actor(user="ada"), report=quiet, crash_at=crash_at)


def undo(board: BareBoard, crash_at: str | None = None) -> None:
    one = preparer(board, crash_at)
    one.recover()
    one.undo(chosen_entries(one.book.load(), ()))


def killed_points(board_at: Callable[[str], BareBoard], run: str, work: Callable[[BareBoard, str], None]) -> Iterator:  # type: ignore[type-arg]
    number, killed = 0, True
    while killed:
        number += 1
        board, point = board_at(str(number)), f"{run}:{number}:before"
        status = in_child(lambda: work(board, point))  # noqa: B023
        killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
        if killed:
            yield board, point
    assert number > 5


def failing(board: BareBoard, program: str, answer: Callable[[list[str]], Answer | None]) -> BareBoard:
    """The same board, on which one program may answer otherwise."""
    usual = board.run

    def run(argv: Sequence[str]) -> Answer:
        said = answer(list(argv)) if program in argv else None
        return usual(argv) if said is None else said

    board.run = run  # type: ignore[method-assign]
    return board


def half_a_copy(argv: list[str]) -> Answer:
    target = Path(argv[-1])
    target.mkdir()
    (target / "half").write_text("ha")
    return Answer(code=1, text="cp: No space left on device")
