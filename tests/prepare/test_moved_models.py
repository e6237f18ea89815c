"""The model store moves while servers read it: whenever the power goes, its name leads to a store that is whole."""

from __future__ import annotations

import fcntl
import os
import signal
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from bare_board import STORE, BareBoard, in_child
from moves import failing, half_a_copy, killed_points, preparer, undo

from jetson_deploy.errors import JetsonDeployError, PreflightError
from jetson_deploy.facts import DiskFacts, EngineFacts
from jetson_deploy.prepare.book import Book
from jetson_deploy.prepare.host_set import kept_moves
from jetson_deploy.prepare.machine import Answer
from jetson_deploy.prepare.steps.listed import STEPS

STEP = STEPS["model-store"]
NEW, KEPT, BLOB = "ssd/jetson-deploy/models", f"{STORE}.before-jetson-deploy", "blobs/sha256-aa"


@pytest.fixture
def board(tmp_path: Path) -> BareBoard:
    return made(tmp_path)


def made(folder: Path) -> BareBoard:
    return BareBoard(folder).make(captured=False)


def named(board: BareBoard, path: str = BLOB) -> Path:
    """A file of the store by the name that the server was given."""
    return board.root / (board.machine.host.real(STORE) or "nowhere") / path


def moved(folder: Path) -> BareBoard:
    board = made(folder)
    preparer(board).do([STEP], board.look())
    return board


def test_the_models_are_there_under_the_same_name_and_the_server_reads_the_new_ones(board: BareBoard) -> None:
    before = board.tree()
    assert preparer(board).do([STEP], board.look()) == ("model-store",)
    assert board.machine.host.link(STORE) == f"/{NEW}"
    assert named(board).read_text() == (board.root / KEPT / BLOB).read_text() == "weights"
    assert (board.folder / "served").read_text() == str(board.root / NEW)
    assert STEP.check(board.look()).now == f"/{NEW} lies on nvme"
    drop_in = board.root / "etc/systemd/system/docker.service.d/50-jetson-deploy-model-store.conf"
    assert f"RequiresMountsFor=/{NEW}" in drop_in.read_text()
    assert "docker restart jetson-deploy" in board.commands
    assert not any(line.startswith("systemctl stop") for line in board.commands)
    ((_, copied),) = kept_moves(Book(board.folder / "state").load())
    copied.move.empty_kept(board.machine)
    assert list((board.root / KEPT).iterdir()) == []
    undo(board)
    assert board.tree() == before
    assert (board.folder / "served").read_text() == str(board.root / STORE)


@pytest.mark.parametrize("run", ["prepare", "undo-prepare"])
def test_whenever_the_power_goes_the_name_leads_to_models_that_are_whole(run: str, tmp_path: Path) -> None:
    def start(name: str) -> BareBoard:
        return made(tmp_path / name) if run == "prepare" else moved(tmp_path / name)

    def work(board: BareBoard, point: str) -> None:
        if run == "prepare":
            preparer(board, point).do([STEP], board.look())
        else:
            undo(board, point)

    for board, point in killed_points(start, run, work):
        assert named(board).read_text() == "weights", point
        named(board, "fetched-since").write_text("since")
        if run == "prepare":
            preparer(board).recover()
            preparer(board).do([STEP], board.look())
            assert (board.root / NEW / "fetched-since").read_text() == "since", point
        undo(board)
        assert (board.root / STORE / "fetched-since").read_text() == "since", point
        assert not (board.root / "ssd/jetson-deploy").exists(), point
        assert [one.name for one in (board.root / STORE).parent.iterdir()] == ["models"], point


def test_killed_in_the_middle_of_the_copy_the_next_run_begins_it_anew(board: BareBoard) -> None:
    def killed(argv: list[str]) -> None:
        half_a_copy(argv)
        os.kill(os.getpid(), signal.SIGKILL)

    assert os.WIFSIGNALED(in_child(lambda: preparer(failing(board, "cp", killed)).do([STEP], board.look())))
    assert (board.root / "ssd/jetson-deploy/.models.jetson-deploy/half").exists()
    assert named(board).read_text() == "weights"
    again = BareBoard(board.folder)
    assert preparer(again).recover() == ("model-store",)
    assert not (board.root / "ssd/jetson-deploy").exists()
    assert preparer(again).do([STEP], again.look()) == ("model-store",)
    assert named(again).read_text() == "weights"


def shorter(argv: list[str]) -> Answer:
    half_a_copy(argv)
    return Answer(code=0)


def written_behind_the_copy(board: BareBoard) -> Callable[[list[str]], Answer | None]:
    def answer(argv: list[str]) -> Answer | None:
        (board.root / STORE / "late").write_text("late")
        return None

    return answer


@pytest.mark.parametrize(
    ("what", "program", "code"),
    [
        ("the copy fails", "cp", "command-failed"),
        ("the copy is short", "cp", "copy-differs"),
        ("it is written to behind the copy", "sync", "copy-differs"),
        ("the server does not start again", "docker", "command-failed"),
    ],
)
def test_a_move_that_fails_leaves_the_models_where_they_were(
    what: str, program: str, code: str, board: BareBoard
) -> None:
    before = board.tree()
    answers: dict[str, Callable[[list[str]], Answer | None]] = {
        "the copy fails": half_a_copy,
        "the copy is short": shorter,
        "it is written to behind the copy": written_behind_the_copy(board),
        "the server does not start again": once(Answer(code=1, text="cannot start")),
    }
    failing(board, program, answers[what])
    with pytest.raises(JetsonDeployError) as caught:
        preparer(board).do([STEP], board.look())
    assert caught.value.code == code
    (board.root / STORE / "late").unlink(missing_ok=True)
    assert board.tree() == before


def once(said: Answer) -> Callable[[list[str]], Answer | None]:
    left = [said]
    return lambda _: left.pop() if left else None


def test_a_store_that_another_run_writes_is_left_alone(board: BareBoard) -> None:
    before = board.tree()
    with (board.root / STORE / ".jetson-deploy/lock").open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(PreflightError, match="another run writes") as caught:
            preparer(board).do([STEP], board.look())
    assert caught.value.code == "store-locked"
    assert board.tree() == before


@pytest.mark.parametrize(
    ("change", "says"),
    [({"reachable": False, "problem": "stopped"}, "is not known"), ({}, "was deployed since with its models in")],
)
def test_it_does_not_come_back_from_under_a_deployment_of_the_new_place(
    change: dict[str, object], says: str, board: BareBoard
) -> None:
    preparer(board).do([STEP], board.look())
    board.server = msgspec.structs.replace(board.server, labels={"io.jetson-deploy.store": f"/{NEW}"})
    engine = msgspec.structs.replace(board.engine(), **change)
    board.engine = lambda: engine  # type: ignore[method-assign]
    with pytest.raises(PreflightError, match=says):
        undo(board)
    assert named(board).read_text() == "weights"
    board.engine = lambda: EngineFacts(reachable=False, problem="absent")  # type: ignore[method-assign]
    undo(board)
    assert (board.root / STORE / BLOB).read_text() == "weights"


EMMC = DiskFacts(mount="/", filesystem="ext4", medium="emmc")
NVME = DiskFacts(mount="/ssd", filesystem="ext4", medium="nvme")


@pytest.mark.parametrize(
    ("disks", "spoil", "state", "says"),
    [
        ((EMMC,), "", "ready", "no NVMe or SATA disk is mounted"),
        ((EMMC, NVME), f"mkdir -p {NEW}", "refused", "is there already"),
        ((EMMC, NVME), f"mv {STORE} {STORE}.away", "ready", "no model was fetched yet"),
        ((EMMC, NVME), f"mv {STORE} ssd/mine; ln -s /ssd/mine {STORE}", "ready", "/ssd/mine lies on nvme"),
        ((EMMC, NVME), "", "to-do", "lies on emmc"),
    ],
)
def test_where_the_models_may_go(
    disks: tuple[DiskFacts, ...], spoil: str, state: str, says: str, board: BareBoard
) -> None:
    assert os.system(f"cd {board.root}; {spoil or 'true'}") == 0
    look = board.look()
    found = STEP.check(msgspec.structs.replace(look, facts=msgspec.structs.replace(look.facts, disks=disks)))
    assert (found.state, says in found.now) == (state, True), found.now
