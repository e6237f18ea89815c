"""The images that containerd keeps move as Docker's data do, and its configuration names them from then on."""

from __future__ import annotations

import fcntl
import re
from pathlib import Path

import msgspec
import pytest
from bare_board import BareBoard
from moves import failing, killed_points, preparer, undo

from jetson_deploy.errors import PreflightError
from jetson_deploy.prepare.machine import Answer
from jetson_deploy.prepare.steps.listed import STEPS

STEP = STEPS["containerd-root"]
CONFIG, OLD, NEW = "etc/containerd/config.toml", "var/lib/containerd", "ssd/jetson-deploy/containerd"
LAYER, DATABASE = "io.containerd.content.v1.content/blobs/sha256/aa", "io.containerd.metadata.v1.bolt/meta.db"
NAMED = f'root = "/{NEW}"\n'


@pytest.fixture
def board(tmp_path: Path) -> BareBoard:
    return BareBoard(tmp_path).make(captured=False)


def root_of(board: BareBoard) -> Path:
    """Where containerd looks when it starts."""
    found = re.search(r'^root = "/(.*)"', (board.root / CONFIG).read_text(), re.MULTILINE)
    return board.root / (found[1] if found else OLD)


def test_the_images_lie_on_the_fast_disk_and_both_units_wait_for_it(board: BareBoard) -> None:
    before = board.tree()
    assert preparer(board).do([STEP], board.look()) == ("containerd-root",)
    assert (root_of(board) / LAYER).read_text() == "a layer"
    assert STEP.check(board.look()).now == f"/{NEW} lies on nvme"
    for unit in ("docker", "containerd"):
        drop_in = board.root / f"etc/systemd/system/{unit}.service.d/50-jetson-deploy-containerd-root.conf"
        assert f"RequiresMountsFor=/{NEW}" in drop_in.read_text()
    assert "systemctl stop docker.service containerd.service" in board.commands
    assert "systemctl start containerd.service docker.service" in board.commands
    undo(board)
    assert board.tree() == before


@pytest.mark.parametrize("run", ["prepare", "undo-prepare"])
def test_whenever_the_power_goes_containerd_boots_on_images_that_are_whole(run: str, tmp_path: Path) -> None:
    def start(name: str) -> BareBoard:
        board = BareBoard(tmp_path / name).make(captured=False)
        if run != "prepare":
            preparer(board).do([STEP], board.look())
        return board

    def work(board: BareBoard, point: str) -> None:
        if run == "prepare":
            preparer(board, point).do([STEP], board.look())
        else:
            undo(board, point)

    for board, point in killed_points(start, run, work):
        assert (root_of(board) / LAYER).read_text() == "a layer", point
        if run == "prepare":
            preparer(board).recover()
            preparer(board).do([STEP], board.look())
            assert (board.root / NEW / LAYER).exists(), point
        undo(board)
        assert (board.root / OLD / LAYER).read_text() == "a layer", point
        assert not (board.root / NEW).exists(), point


@pytest.mark.parametrize(
    ("text", "becomes"),
    [
        (None, f"version = 2\n{NAMED}"),
        ("", NAMED),
        ('#root = "/x"\n[grpc]\nroot = "/y"\n', f'{NAMED}#root = "/x"\n[grpc]\nroot = "/y"\n'),
        ("version = 2\nroot = '/var/lib/containerd' # here\n[a]\n", f"version = 2\n{NAMED}[a]\n"),
        ('"root" = "/var/lib/containerd"\r\nstate = "/run"\r\n', f'{NAMED}state = "/run"\r\n'),
        ('root="/var/lib/containerd"', NAMED),
    ],
)
def test_each_shape_of_its_configuration_names_the_place_once_and_comes_back(
    text: str | None, becomes: str, board: BareBoard
) -> None:
    path = board.root / CONFIG
    path.unlink()
    if text is not None:
        path.write_bytes(text.encode())
    preparer(board).do([STEP], board.look())
    assert path.read_bytes().decode() == becomes
    undo(board)
    assert (path.read_bytes().decode() if path.exists() else None) == text


def test_what_another_program_wrote_into_it_since_stays(board: BareBoard) -> None:
    path = board.root / CONFIG
    path.write_text('root = "/var/lib/containerd"\n')
    preparer(board).do([STEP], board.look())
    path.write_text(path.read_text() + "[plugins]\n")
    undo(board)
    assert path.read_text() == 'root = "/var/lib/containerd"\n[plugins]\n'


@pytest.mark.parametrize(
    ("path", "text", "says"),
    [
        (CONFIG, 'root = "/a"\nroot = "/b"\n', "says root twice"),
        ("lib/systemd/system/containerd.service", "ExecStart=/bin/containerd --root /x\n", "started with --root"),
        (f"{NEW}/x", "", "is there already"),
    ],
)
def test_what_stands_in_the_way_is_refused(path: str, text: str, says: str, board: BareBoard) -> None:
    (board.root / path).parent.mkdir(parents=True, exist_ok=True)
    (board.root / path).write_text(text)
    found = STEP.check(board.look())
    assert found.refusal is not None and says in found.refusal.message and found.refusal.hint


def test_a_containerd_that_reads_another_configuration_is_noticed_and_stays_on_its_images(board: BareBoard) -> None:
    """It goes on with the old tree: it holds its database."""
    before = board.tree()
    held = (board.root / OLD / DATABASE).open()

    def started(argv: list[str]) -> Answer | None:
        if argv[1] == "start" and f"/{NEW}" in (board.root / CONFIG).read_text():
            fcntl.flock(held, fcntl.LOCK_EX)
        else:
            fcntl.flock(held, fcntl.LOCK_UN)
        return None

    with held, pytest.raises(PreflightError, match="and not where its configuration says"):
        preparer(failing(board, "systemctl", started)).do([STEP], board.look())
    assert board.tree() == before
    assert board.engine().reachable


def test_containers_whose_layers_are_in_use_are_not_moved_from_under(board: BareBoard) -> None:
    mounts = board.root / "proc/self/mountinfo"
    mounts.parent.mkdir(parents=True)
    layers = f"rw,lowerdir={board.root / OLD}/a/fs,upperdir={board.root / OLD}/b/fs"
    mounts.write_text(f"88 1 0:55 / /run/containerd/x/rootfs rw - overlay overlay {layers}\n")
    with pytest.raises(PreflightError, match="live-restore"):
        preparer(board).do([STEP], board.look())
    assert board.engine().reachable


@pytest.mark.parametrize(
    ("containerd", "says"),
    [
        (None, "Docker keeps its images itself"),
        ("/run/k3s/containerd/containerd.sock", "is not the system's"),
    ],
)
def test_where_the_systems_containerd_keeps_no_images_of_docker_nothing_is_to_do(
    containerd: str | None, says: str, board: BareBoard
) -> None:
    look = board.look()
    engine = msgspec.structs.replace(board.engine(), containerd=containerd)
    found = STEP.check(msgspec.structs.replace(look, facts=msgspec.structs.replace(look.facts, engine=engine)))
    assert (found.state, says in found.now) == ("ready", True), found.now
