"""A person who puts the old place back by hand loses nothing: what is not copied back is never deleted."""

from __future__ import annotations

from pathlib import Path

import pytest
from bare_board import STORE, BareBoard, quiet
from moves import preparer, undo

from jetson_deploy.errors import PreflightError
from jetson_deploy.prepare.book import Book
from jetson_deploy.prepare.host_set import HostSet, kept_overview
from jetson_deploy.prepare.overview import Overview
from jetson_deploy.prepare.steps.listed import STEPS
from jetson_deploy.settings import Settings

MOVES = {
    "data-root": ("var/lib/docker", "ssd/jetson-deploy/docker", "etc/docker/daemon.json"),
    "containerd-root": ("var/lib/containerd", "ssd/jetson-deploy/containerd", "etc/containerd/config.toml"),
    "model-store": (STORE, "ssd/jetson-deploy/models", None),
}


def files(place: Path) -> dict[str, str]:
    return {str(one.relative_to(place)): one.read_text() for one in place.rglob("*") if one.is_file()}


@pytest.fixture(params=list(MOVES))
def step(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def board(tmp_path: Path) -> BareBoard:
    return BareBoard(tmp_path).make(captured=False)


def put_back_by_hand(board: BareBoard, step: str) -> str | None:
    """The old name with a new, empty tree; what named the new place before."""
    source, _, config = MOVES[step]
    named = None
    if config is None:
        (board.root / source).unlink()
    else:
        named = (board.root / config).read_text()
        (board.root / config).write_text("# root = '/ssd/jetson-deploy/containerd'\n" if "toml" in config else "{}")
    (board.root / source).mkdir()
    (board.root / source / "since").write_text("new")
    for verb in ("stop", "start"):
        board.run(["systemctl", verb, "docker.service"])
    return named


def done_and_changed(board: BareBoard, step: str) -> tuple[dict[str, str], str | None]:
    held = files(board.root / MOVES[step][0])
    preparer(board).do([STEPS[step]], board.look())
    return held, put_back_by_hand(board, step)


def test_undo_deletes_neither_the_moved_nor_the_kept_nor_the_new(step: str, board: BareBoard) -> None:
    held, _ = done_and_changed(board, step)
    source, target, _ = MOVES[step]
    for _ in range(2):
        with pytest.raises(PreflightError) as caught:
            undo(board)
        assert caught.value.code == "changed-since"
    for place in (target, f"{source}.before-jetson-deploy"):
        assert held.items() <= files(board.root / place).items()
    assert files(board.root / source) == {"since": "new"}
    assert [one.phase for one in Book(board.folder / "state").load().entries] == ["done"]


def test_once_the_place_is_named_again_undo_brings_back_what_it_holds(step: str, board: BareBoard) -> None:
    held, named = done_and_changed(board, step)
    source, target, config = MOVES[step]
    with pytest.raises(PreflightError):
        undo(board)
    (board.root / source / "since").unlink()
    (board.root / source).rmdir()
    if config is None or named is None:
        (board.root / source).symlink_to(f"/{target}")
    else:
        (board.root / config).write_text(named)
    undo(board)
    assert held.items() <= files(board.root / source).items()
    assert not (board.root / "ssd/jetson-deploy").exists()
    assert not list((board.root / source).parent.glob("*-jetson-deploy"))


def test_once_both_are_deleted_by_hand_the_rest_is_taken_back(step: str, board: BareBoard) -> None:
    done_and_changed(board, step)
    source, target, _ = MOVES[step]
    for place in (target, f"{source}.before-jetson-deploy"):
        (board.root / place).rename(board.folder / place.replace("/", "-"))
    undo(board)
    assert files(board.root / source) == {"since": "new"}
    assert Book(board.folder / "state").load().entries == ()


def test_what_was_kept_is_not_removed_while_the_new_place_is_not_in_use(step: str, board: BareBoard) -> None:
    held, _ = done_and_changed(board, step)
    settings = Settings(state_dir=board.folder / "state", lock_dir=board.folder / "lock")
    book = Book(settings.state_dir)
    shown = Overview(root="/", steps=(), result="shown")
    with pytest.raises(PreflightError, match="is not in use"):
        kept_overview(board.machine, book)
    with pytest.raises(PreflightError, match="is not in use"):
        HostSet(settings=settings, machine=board.machine, report=quiet).remove_old(shown)
    assert held.items() <= files(board.root / f"{MOVES[step][0]}.before-jetson-deploy").items()


def test_a_tree_that_was_put_into_the_old_place_meanwhile_is_not_replaced(board: BareBoard) -> None:
    preparer(board).do([STEPS["data-root"]], board.look())
    (board.root / "var/lib/docker").mkdir()
    (board.root / "var/lib/docker/mine").write_text("mine")
    with pytest.raises(PreflightError, match="was put there since"):
        undo(board)
    assert (board.root / "var/lib/docker/mine").read_text() == "mine"


def test_directories_that_a_program_made_there_since_hold_no_undoing_up(board: BareBoard) -> None:
    """Debian's containerd has its `opt` in /var/lib/containerd, wherever its root is."""
    held = files(board.root / "var/lib/containerd")
    preparer(board).do([STEPS["containerd-root"]], board.look())
    (board.root / "var/lib/containerd/opt/bin").mkdir(parents=True)
    undo(board)
    assert files(board.root / "var/lib/containerd") == held
