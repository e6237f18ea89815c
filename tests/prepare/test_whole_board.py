"""A bare board is made ready in one go, again without a change, and is given back byte for byte; killed anywhere."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from bare_board import BareBoard, in_child, quiet
from in_memory import in_memory

from jetson_deploy.deployment.revisions import Actor
from jetson_deploy.errors import PreflightError
from jetson_deploy.events import Note
from jetson_deploy.prepare.book import Book
from jetson_deploy.prepare.host_set import overview
from jetson_deploy.prepare.run import Preparer, chosen_entries
from jetson_deploy.prepare.steps.listed import STEPS

ALL = list(STEPS.values())
BY = Actor(user="ada", command="prepare")


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    with in_memory("jd-prepare-") as folder:
        yield folder


@pytest.fixture
def board(tmp_path: Path) -> BareBoard:
    return BareBoard(tmp_path).make()


def book_of(board: BareBoard) -> Book:
    return Book(board.folder / "state")


def preparer(board: BareBoard, crash_at: str | None = None) -> Preparer:
    return Preparer(machine=board.machine, book=book_of(board), by=BY, report=quiet, crash_at=crash_at)


def states(board: BareBoard) -> dict[str, str]:
    return {row.id: row.state for row in overview(board.look(), ALL, book_of(board).load()).steps}


def undo_all(board: BareBoard, crash_at: str | None = None) -> None:
    one = preparer(board, crash_at)
    one.recover()
    one.undo(chosen_entries(one.book.load(), ()))


def test_a_bare_board_becomes_ready_in_one_go_and_again_nothing_changes(board: BareBoard) -> None:
    assert set(states(board).values()) == {"to-do"}
    assert preparer(board).do(ALL, board.look()) == tuple(STEPS)
    assert set(states(board).values()) == {"ready"}
    before = board.tree()
    assert preparer(board).do(ALL, board.look()) == ()
    assert board.tree() == before


def test_a_prepared_board_is_given_back_byte_for_byte_and_nothing_of_ours_stays(board: BareBoard) -> None:
    before = board.tree()
    preparer(board).do(ALL, board.look())
    assert board.tree() != before
    undo_all(board)
    assert board.tree() == before
    assert left(board) == []
    assert board.engine().runtimes == ("runc",)


@pytest.mark.parametrize("first", list(STEPS))
def test_one_step_is_taken_back_alone_and_the_others_stay(board: BareBoard, first: str) -> None:
    before = board.tree()
    preparer(board).do(ALL, board.look())
    preparer(board).undo(chosen_entries(book_of(board).load(), [first]))
    assert {name for name, state in states(board).items() if state != "ready"} == {first}
    undo_all(board)
    assert board.tree() == before


def left(board: BareBoard) -> list[Path]:
    folder = board.folder / "state"
    return list(folder.iterdir()) if folder.exists() else []


def was_killed(status: int) -> bool:
    return os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL


@pytest.mark.parametrize("name", list(STEPS))
def test_killed_at_every_border_the_next_run_finishes_it_and_undo_gives_it_back(name: str, tmp_path: Path) -> None:
    """Where the kill came: before or after each action, the lines of the record among them."""
    step, number, killed = STEPS[name], 0, True
    while killed:
        number += 1
        for side in ("before", "after"):
            board = BareBoard(tmp_path / f"{number}{side}").make(captured=False)
            before, point = board.tree(), f"prepare:{number}:{side}"
            killed = was_killed(in_child(lambda: preparer(board, point).do([step], board.look())))  # noqa: B023
            if side == "before":  # and taken back at once, or first done
                preparer(board).recover()
                preparer(board).do([step], board.look())
                assert step.check(board.look()).state == "ready", point
            undo_all(board)
            assert board.tree() == before, point
            assert left(board) == [], point
    assert number > 3


@pytest.mark.parametrize("name", list(STEPS))
def test_killed_at_every_border_of_undo_the_next_undo_gives_it_back(name: str, tmp_path: Path) -> None:
    number, killed = 0, True
    while killed:
        number += 1
        board = BareBoard(tmp_path / str(number)).make(captured=False)
        before = board.tree()
        preparer(board).do([STEPS[name]], board.look())
        point = f"undo-prepare:{number}:before"  # behind one action is before the next one
        killed = was_killed(in_child(lambda: undo_all(board, point)))  # noqa: B023
        undo_all(board)
        assert board.tree() == before, point
        assert left(board) == [], point
    assert number > 3


def test_a_step_that_fails_is_taken_back_and_those_before_it_stay(board: BareBoard) -> None:
    board.reboot_for = "2"
    before = board.tree()
    with pytest.raises(PreflightError, match="needs a reboot") as caught:
        preparer(board).do(ALL, board.look())
    assert caught.value.code == "reboot-needed"
    assert "--reboot" in caught.value.hint
    assert {name for name, state in states(board).items() if state != "ready"} == {"power-mode"}
    undo_all(board)
    assert board.tree() == before


def test_a_step_that_fails_stops_only_what_needs_it(board: BareBoard) -> None:
    os.link(board.root / "etc/hosts", board.root / "etc/hosts.2")
    needing = msgspec.structs.replace(STEPS["time-sync"], needs=("host-name",))
    warned: list[str] = []
    one = msgspec.structs.replace(
        preparer(board), report=lambda event: warned.append(event.text) if isinstance(event, Note) else None
    )
    with pytest.raises(PreflightError, match="has 2 names"):
        one.do([needing if step.id == "time-sync" else step for step in ALL], board.look())
    not_ready = {name for name, state in states(board).items() if state != "ready"}
    assert not_ready == {"host-name", "time-sync"}
    assert warned[-1] == "time-sync: left out, since host-name failed"


def test_a_board_that_nvpmodel_reboots_is_finished_by_the_next_run(board: BareBoard) -> None:
    """The reboot comes in the middle of the step: as a kill right after the command."""
    board.reboot_for = "2"
    status = in_child(lambda: preparer(board, "prepare:2:after").do([STEPS["power-mode"]], board.look(reboot=True)))
    assert os.WIFSIGNALED(status)
    assert book_of(board).load().entries[0].phase == "intended"
    assert preparer(board).recover() == ("power-mode",)
    assert [entry.phase for entry in book_of(board).load().entries] == ["done"]
    assert states(board)["power-mode"] == "ready"


def test_what_another_changed_since_is_never_overwritten(board: BareBoard) -> None:
    preparer(board).do(ALL, board.look())
    hosts, drop_in = board.root / "etc/hosts", board.root / "etc/systemd/journald.conf.d/50-jetson-deploy.conf"
    hosts.write_text(hosts.read_text() + "10.0.0.9\tnas\n")
    drop_in.write_text("[Journal]\nSystemMaxUse=5G\n")
    with pytest.raises(PreflightError, match="was changed by another program since"):
        undo_all(board)
    assert hosts.read_text() == "127.0.0.1\tlocalhost\n10.0.0.9\tnas\n"
    assert "5G" in drop_in.read_text()
    assert [(entry.step, entry.phase) for entry in book_of(board).load().entries] == [("journal-size", "done")]
    assert preparer(board).recover() == ()
    preparer(board).do([STEPS["host-name"]], board.look())
    assert states(board)["host-name"] == "ready"


def test_an_undo_that_was_killed_and_cannot_go_on_stops_no_later_run(board: BareBoard) -> None:
    preparer(board).do([STEPS["journal-size"]], board.look())
    assert was_killed(in_child(lambda: undo_all(board, "undo-prepare:2:before")))
    drop_in = board.root / "etc/systemd/journald.conf.d/50-jetson-deploy.conf"
    drop_in.write_text("[Journal]\nSystemMaxUse=5G\n")
    assert preparer(board).recover() == ("journal-size",)
    assert preparer(board).do([STEPS["host-name"]], board.look()) == ("host-name",)
    assert "5G" in drop_in.read_text()


def test_the_record_is_readable_for_its_owner_alone_and_survives_a_round_trip(board: BareBoard) -> None:
    preparer(board).do(ALL, board.look())
    folder = board.folder / "state" / ".host"
    assert folder.stat().st_mode & 0o777 == 0o700
    entries = book_of(board).load().entries
    assert msgspec.json.decode(msgspec.json.encode(entries), type=type(entries)) is not None
    (folder / "prepared.json").write_text("{}")
    with pytest.raises(PreflightError, match="is damaged"):
        book_of(board).load()
