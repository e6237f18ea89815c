"""What stands behind a reboot is done by a unit, as agreed to and once; killed anywhere, the next run goes on."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from bare_board import WANTS, BareBoard, in_child, quiet
from in_memory import in_memory
from moves import failing

from jetson_deploy.errors import InterruptedRunError, JetsonDeployError, PreflightError
from jetson_deploy.prepare.after_reboot import UNIT
from jetson_deploy.prepare.book import Book
from jetson_deploy.prepare.host_set import HostSet, overview, undo_overview
from jetson_deploy.prepare.machine import Answer
from jetson_deploy.prepare.overview import Overview
from jetson_deploy.prepare.steps.listed import STEPS
from jetson_deploy.settings import Settings
from jetson_deploy.state.after_reboot import findings, load

AGREED = ("host-name", "power-mode", "clocks")
BEHIND = ("power-mode", "clocks")


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    with in_memory("jd-reboot-") as folder:
        yield folder


@pytest.fixture
def board(tmp_path: Path) -> BareBoard:
    return bare(tmp_path)


def bare(folder: Path) -> BareBoard:
    board = BareBoard(folder).make(captured=False)
    board.reboot_for = "2"
    return board


def host(board: BareBoard, crash_at: str | None = None) -> HostSet:
    settings = Settings(state_dir=board.folder / "state", lock_dir=board.folder / "locks", crash_at=crash_at)
    return HostSet(settings=settings, machine=board.machine, report=quiet)


def do(board: BareBoard, steps: Sequence[str] = AGREED, crash_at: str | None = None) -> Overview:
    return host(board, crash_at).do([STEPS[one] for one in steps], lambda: board.look(reboot=True))


def boot(board: BareBoard, crash_at: str | None = None) -> Overview | None:
    """As systemd does: the unit runs where it is enabled."""
    if not (board.root / WANTS / UNIT).exists():
        return None
    return host(board, crash_at).resume(board.look)


def undo(board: BareBoard, *ids: str) -> None:
    one = host(board)
    one.undo(ids, undo_overview(board.root, Book(one.settings.state_dir), ids))


def killed(work: Callable[[], object]) -> bool:
    status = in_child(work)
    return os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL


def not_ready(board: BareBoard, steps: Sequence[str] = AGREED) -> set[str]:
    return {row.id for row in overview(board.look(), [STEPS[one] for one in steps]).steps if row.state != "ready"}


def of_ours(board: BareBoard) -> list[str]:
    state = board.folder / "state"
    left = [path.name for path in state.iterdir()] if state.exists() else []
    return left + [name for name in board.tree() if UNIT in name]


def told(board: BareBoard) -> list[tuple[str, str]]:
    return [(one.id, one.evidence) for one in findings(board.folder / "state")]


def rebooted_in_the_middle(board: BareBoard) -> None:
    """nvpmodel reboots the board: as a kill right behind it. host-name takes three actions, the unit is the fourth."""
    assert killed(lambda: do(board, crash_at="prepare:6:after"))
    assert board.commands[-1] == "nvpmodel -q"


def test_what_was_agreed_to_is_done_after_the_reboot_and_nothing_of_ours_stays(board: BareBoard) -> None:
    before = board.tree()
    rebooted_in_the_middle(board)
    assert (board.root / WANTS / UNIT).readlink() == Path(f"../{UNIT}")
    assert "prepare --resume" in (board.root / "etc/systemd/system" / UNIT).read_text()
    ((name, text),) = told(board)
    assert name == "prepare-waits-for-reboot" and "power-mode, clocks" in text
    done = boot(board)
    assert done is not None and [(row.id, row.state) for row in done.steps] == [(one, "done") for one in BEHIND]
    assert not_ready(board) == set()
    assert told(board) == [] and boot(board) is None
    undo(board)
    assert (board.tree(), of_ours(board)) == (before, [])


def test_without_a_reboot_no_unit_stays(board: BareBoard) -> None:
    board.reboot_for = ""
    assert do(board).result == "done"
    assert (load(board.folder / "state"), boot(board)) == (None, None)
    assert of_ours(board) == [".host"]


def test_killed_at_every_border_the_next_boot_or_run_finishes_it_and_undo_gives_it_back(tmp_path: Path) -> None:
    number, was_killed, at_boot = 0, True, 0
    while was_killed:
        number += 1
        for side in ("before", "after"):
            board = bare(tmp_path / f"{number}{side}")
            before, point = board.tree(), f"prepare:{number}:{side}"
            was_killed = killed(lambda: do(board, crash_at=point))  # noqa: B023
            if load(board.folder / "state") is not None and "--force" in " ".join(board.commands):
                at_boot += boot(board) is not None
                assert not_ready(board, BEHIND) == set(), point
            do(board)
            assert not_ready(board) == set(), point
            assert of_ours(board) == [".host"], point
            undo(board)
            assert (board.tree(), of_ours(board)) == (before, []), point
    assert number > 8 and at_boot > 5


def test_a_boot_that_is_cut_short_anywhere_is_finished_by_the_next_one(tmp_path: Path) -> None:
    cut = 0
    for run in ("recover-prepare", "prepare", "resume-prepare"):
        for number in range(1, 9):
            board = bare(tmp_path / f"{run}{number}")
            before = board.tree()
            rebooted_in_the_middle(board)
            cut += killed(lambda: boot(board, f"{run}:{number}:before"))  # noqa: B023
            boot(board)
            assert (not_ready(board, BEHIND), told(board), boot(board)) == (set(), [], None), (run, number)
            undo(board)
            assert (board.tree(), of_ours(board)) == (before, []), (run, number)
    assert cut > 4


@pytest.mark.parametrize("goes_down", [True, False])
def test_an_interruption_takes_back_unless_the_system_goes_down(goes_down: bool, board: BareBoard) -> None:
    before = board.tree()

    def interrupted(argv: list[str]) -> Answer | None:
        if "--force" not in argv or any("--force" in one for one in board.commands):
            return None
        (board.folder / "commands").write_text(" ".join(argv))
        (board.root / "var/lib/nvpmodel/status").write_text("pmode:0002 fmode:quiet\n")
        if goes_down:
            (board.folder / "stopping").touch()
        raise KeyboardInterrupt

    with pytest.raises(InterruptedRunError) as caught:
        do(failing(board, "nvpmodel", interrupted), BEHIND)
    (board.folder / "stopping").unlink(missing_ok=True)
    if goes_down:
        assert (caught.value.code, told(board)[0][0]) == ("rebooting", "prepare-waits-for-reboot")
        boot(board)
        assert not_ready(board, BEHIND) == set()
    else:
        assert (caught.value.code, of_ours(board), board.tree()) == ("interrupted", [], before)


def test_what_would_now_be_something_else_is_left_out_told_and_not_tried_again(board: BareBoard) -> None:
    rebooted_in_the_middle(board)
    (board.root / "etc/systemd/system/jetson-deploy-clocks.service").write_text("another's\n")
    with pytest.raises(PreflightError, match="clocks was left out") as caught:
        boot(board)
    assert caught.value.code == "agreed-otherwise"
    assert not_ready(board, BEHIND) == {"clocks"}
    ((name, text),) = told(board)
    assert name == "prepare-after-reboot-failed" and "clocks was left out" in text
    assert boot(board) is None
    row = overview(board.look(), [STEPS["clocks"]], waiting=load(board.folder / "state")).steps[0]
    assert "not finished after the reboot" in row.now
    assert load(board.folder / "state").names == ("clocks",)  # type: ignore[union-attr]
    undo(board)
    assert (told(board), of_ours(board)) == ([], [])


def test_a_board_that_asks_for_a_reboot_again_is_not_rebooted_again(board: BareBoard) -> None:
    rebooted_in_the_middle(board)
    (board.root / "var/lib/nvpmodel/status").write_text("pmode:0001 fmode:quiet\n")
    with pytest.raises(JetsonDeployError, match="needs a reboot"):
        boot(board)
    assert sum("--force" in one for one in board.commands) == 1
    assert told(board)[0][0] == "prepare-after-reboot-failed"
    assert not_ready(board, BEHIND) == {"power-mode"}
    do(board)  # a person's new run takes its place
    assert (told(board), not_ready(board)) == ([], set())


def test_undo_takes_away_what_waits_and_names_it_before(board: BareBoard) -> None:
    before = board.tree()
    rebooted_in_the_middle(board)
    undo(board, "clocks")
    waiting = load(board.folder / "state")
    assert waiting is not None and waiting.names == ("power-mode",)
    shown = undo_overview(board.root, Book(board.folder / "state"), ())
    assert {row.id for row in shown.steps} == {"host-name", "power-mode"}
    undo(board)
    assert (board.tree(), of_ours(board)) == (before, [])
