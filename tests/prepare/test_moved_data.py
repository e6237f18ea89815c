"""Docker's data move whole or not at all: whenever the power goes, what the configuration names is whole."""

from __future__ import annotations

import os
import signal
import stat
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from bare_board import BareBoard, in_child
from moves import failing, half_a_copy, killed_points, preparer, undo

from jetson_deploy.errors import JetsonDeployError, PreflightError
from jetson_deploy.facts import DiskFacts
from jetson_deploy.prepare.book import BOOK, SCHEMA, Book
from jetson_deploy.prepare.host_set import kept_moves, kept_overview
from jetson_deploy.prepare.host_step import Checked
from jetson_deploy.prepare.machine import Answer
from jetson_deploy.prepare.moving.move import BOOT_ID
from jetson_deploy.prepare.moving.trees import Taken, check_room, differences, taken_by
from jetson_deploy.prepare.steps.listed import STEPS
from jetson_deploy.prepare.swap_and_power import MakeSwap
from jetson_deploy.state.state_file import sealed

STEP = STEPS["data-root"]
OLD, NEW, KEPT = "var/lib/docker", "ssd/jetson-deploy/docker", "var/lib/docker.before-jetson-deploy"
FILE = "volumes/one/_data/file"


@pytest.fixture
def board(tmp_path: Path) -> BareBoard:
    return BareBoard(tmp_path).make(captured=False)


def boot(board: BareBoard) -> Path:
    """The engine's data, as it finds them after a power cut."""
    (board.root / "active").write_text("docker.service\nollama.service\n")
    (board.root / BOOT_ID).parent.mkdir(parents=True, exist_ok=True)
    (board.root / BOOT_ID).write_text("another\n")
    board._engine_starts()
    return board.root / (board.folder / "data-root").read_text().lstrip("/")


@pytest.mark.parametrize(
    "target", ["", "/", "..", "etc", "ssd/../etc", "/etc", "ssd/jetson-deploy/../docker", "home/user"]
)
def test_a_record_that_names_a_place_of_others_is_damaged_and_nothing_is_deleted(target: str, tmp_path: Path) -> None:
    board = BareBoard(tmp_path).make(captured=False)
    preparer(board).do([STEP], board.look())
    book = Book(board.folder / "state")
    prepared = book.load()
    for _, copied in kept_moves(prepared):
        msgspec.structs.force_setattr(copied.move, "target", target)
    (book.folder / BOOK).write_bytes(sealed(SCHEMA, prepared))
    before = sorted(board.root.rglob("*"))
    with pytest.raises(PreflightError, match="damaged"):
        undo(board)
    assert sorted(board.root.rglob("*")) == before


@pytest.mark.parametrize("path", ["", "/", "etc/passwd", "/ssd/jetson-deploy.swap", "ssd/../jetson-deploy.swap"])
def test_a_record_of_a_swap_file_names_ours_alone(path: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"do": "make-swap", "path": path, "mib": 8}, MakeSwap)


def test_nothing_is_deleted_behind_a_link_in_the_place_of_our_folder(board: BareBoard) -> None:
    preparer(board).do([STEP], board.look())
    (board.root / "ssd/jetson-deploy").rename(board.root / "ssd/mine")
    (board.root / "ssd/jetson-deploy").symlink_to("mine")
    with pytest.raises(PreflightError) as refused:
        undo(board)
    assert refused.value.code == "place-changed"
    assert (board.root / "ssd/mine/docker" / FILE).read_text() == "a volume's"


def odd_tree(folder: Path) -> Path:
    """A link, one file of two names, a hole, modes, attributes, a pipe."""
    folder.mkdir(parents=True, mode=0o710)
    (folder / "a").write_bytes(b"one")
    (folder / "a").chmod(0o4755)
    os.link(folder / "a", folder / "b")
    (folder / "link").symlink_to("/nowhere")
    with (folder / "hole").open("wb") as file:
        file.seek(1 << 20)
        file.write(b"end")
    os.mkfifo(folder / "pipe")
    os.setxattr(folder / "a", "user.note", b"kept")
    return folder


def test_the_data_and_what_ran_are_there_afterwards_and_the_old_is_kept_until_it_is_given_up(board: BareBoard) -> None:
    odd_tree(board.root / OLD / "odd")
    assert preparer(board).do([STEP], board.look()) == ("data-root",)
    assert board.engine().data_root == f"/{NEW}"
    assert (board.root / NEW / FILE).read_text() == "a volume's"
    assert list(differences(board.root / KEPT, board.root / NEW)) == []
    assert not (board.root / OLD).exists()
    assert STEP.check(board.look()).now == f"/{NEW} lies on nvme"
    drop_in = board.root / "etc/systemd/system/docker.service.d/50-jetson-deploy-data-root.conf"
    assert f"RequiresMountsFor=/{NEW}" in drop_in.read_text()
    book = Book(board.folder / "state")
    assert "holds" in kept_overview(board.machine, book).steps[0].now
    for _, copied in kept_moves(book.load()):
        copied.move.empty_kept(board.machine)
    assert kept_overview(board.machine, book).steps == ()
    (board.root / NEW / FILE).write_text("newer")
    undo(board)
    assert board.engine().data_root == f"/{OLD}"
    assert (board.root / OLD / FILE).read_text() == "newer"
    assert not (board.root / "ssd/jetson-deploy").exists()
    assert not (board.root / KEPT).exists()


def test_whenever_the_power_goes_the_engine_boots_on_data_that_are_whole(tmp_path: Path) -> None:
    def made(name: str) -> BareBoard:
        return BareBoard(tmp_path / name).make(captured=False)

    def work(board: BareBoard, point: str) -> None:
        preparer(board, point).do([STEP], board.look())

    for board, point in killed_points(made, "prepare", work):
        data = boot(board)
        assert (data / FILE).read_text() == "a volume's", point
        (data / FILE).write_text("since the boot")
        preparer(board).recover()
        preparer(board).do([STEP], board.look())
        assert (board.root / NEW / FILE).read_text() == "since the boot", point


def test_whenever_the_power_goes_in_undoing_nothing_that_was_written_is_lost(tmp_path: Path) -> None:
    def moved(name: str) -> BareBoard:
        board = BareBoard(tmp_path / name).make(captured=False)
        preparer(board).do([STEP], board.look())
        (board.root / NEW / FILE).write_text("since the move")
        return board

    for board, point in killed_points(moved, "undo-prepare", undo):
        data = boot(board)
        assert (data / FILE).read_text() == "since the move", point
        (data / FILE).write_text("since the boot")
        undo(board)
        assert (board.root / OLD / FILE).read_text() == "since the boot", point
        assert not (board.root / NEW).exists(), point


def test_killed_in_the_middle_of_the_copy_the_next_run_begins_it_anew(board: BareBoard) -> None:
    def killed(argv: list[str]) -> None:
        half_a_copy(argv)
        os.kill(os.getpid(), signal.SIGKILL)

    assert os.WIFSIGNALED(in_child(lambda: preparer(failing(board, "cp", killed)).do([STEP], board.look())))
    assert (board.root / "ssd/jetson-deploy/.docker.jetson-deploy/half").exists()
    assert not board.engine().reachable
    assert preparer(board).recover() == ("data-root",)
    assert board.engine().data_root == f"/{OLD}" and board.engine().reachable
    assert not (board.root / "ssd/jetson-deploy").exists()
    assert preparer(board).do([STEP], board.look()) == ("data-root",)
    assert (board.root / NEW / FILE).exists()


@pytest.mark.parametrize(
    ("what", "code"),
    [("the copy fails", "command-failed"), ("the copy is short", "copy-differs"), ("no start there", "command-failed")],
)
def test_a_move_that_fails_leaves_the_engine_on_its_old_data(what: str, code: str, board: BareBoard) -> None:
    before = board.tree()

    def answer(argv: list[str]) -> Answer | None:
        if what == "no start there":
            moved = NEW in (board.machine.host.read_text("etc/docker/daemon.json") or "")
            return Answer(code=1, text="Job for docker.service failed") if argv[1] == "start" and moved else None
        if argv[-1].endswith("docker.jetson-deploy") and "cp" in argv:
            answered = half_a_copy(argv)
            return answered if what == "the copy fails" else Answer(code=0)
        return None

    failing(board, "systemctl" if what == "no start there" else "cp", answer)
    with pytest.raises(JetsonDeployError) as caught:
        preparer(board).do([STEP], board.look())
    assert caught.value.code == code
    assert board.tree() == before
    assert board.engine().reachable


def test_an_undoing_for_which_there_is_no_room_leaves_the_engine_where_it_is(board: BareBoard) -> None:
    preparer(board).do([STEP], board.look())
    failing(board, "cp", half_a_copy)
    with pytest.raises(PreflightError, match="No space left"):
        undo(board)
    assert board.engine().reachable and board.engine().data_root == f"/{NEW}"
    assert (board.root / NEW / FILE).exists()
    assert not (board.root / OLD).exists()
    assert preparer(board).recover() == ()


def checked(board: BareBoard, *disks: DiskFacts, disk: str | None = None) -> Checked:
    look = board.look()
    facts = msgspec.structs.replace(look.facts, disks=disks or look.facts.disks)
    return STEP.check(msgspec.structs.replace(look, facts=facts, disk=disk))


EMMC = DiskFacts(mount="/", filesystem="ext4", medium="emmc")
ONE_DISK = DiskFacts(mount="/", device="/dev/nvme0n1p1", filesystem="ext4", medium="nvme")
BOUND = DiskFacts(mount=f"/{OLD}", device="/dev/nvme0n1p1", filesystem="ext4", medium="nvme")
NVME = DiskFacts(mount="/ssd", filesystem="ext4", medium="nvme")


@pytest.mark.parametrize(
    ("disks", "asked", "state", "says"),
    [
        ((EMMC,), None, "ready", "no NVMe or SATA disk is mounted"),
        ((EMMC,), "/ssd", "refused", "no filesystem is mounted at /ssd"),
        ((DiskFacts(mount="/", medium="nvme"), NVME), None, "ready", "lies on nvme"),
        ((EMMC, msgspec.structs.replace(NVME, read_only=True)), None, "ready", "no NVMe or SATA"),
        ((EMMC, msgspec.structs.replace(NVME, read_only=True)), "/ssd", "refused", "is mounted read-only"),
        ((EMMC, msgspec.structs.replace(NVME, filesystem="btrfs")), "/ssd", "refused", "need ext4 or xfs"),
        ((EMMC, msgspec.structs.replace(NVME, mount="/media/a b")), "/media/a b", "refused", "have to quote"),
        ((EMMC, msgspec.structs.replace(NVME, mount="/mnt")), None, "refused", "not mounted at boot"),
        ((EMMC, NVME), "/", "ready", "lies there"),
        ((BOUND, ONE_DISK), "/", "ready", "lies there"),
        ((EMMC, NVME), None, "to-do", "lies on emmc"),
    ],
)
def test_where_the_data_may_go(
    disks: tuple[DiskFacts, ...], asked: str | None, state: str, says: str, board: BareBoard
) -> None:
    found = checked(board, *disks, disk=asked)
    assert (found.state, says in found.now) == (state, True), found.now
    assert state != "refused" or (found.refusal is not None and found.refusal.hint)


def test_a_link_is_followed_to_where_the_data_are(board: BareBoard) -> None:
    """Docker itself says the place behind the link."""
    (board.folder / "data-root").write_text("/ssd/docker")
    assert checked(board).now == "/ssd/docker lies on nvme"


def test_a_setting_that_another_made_comes_back(board: BareBoard) -> None:
    daemon, foreign = board.root / "etc/docker/daemon.json", '{"data-root": "/srv/docker", "debug": false}'
    daemon.parent.mkdir()
    daemon.write_text(foreign)
    (board.root / OLD).rename(board.root / "srv-docker")
    (board.root / "srv").mkdir()
    (board.root / "srv-docker").rename(board.root / "srv/docker")
    board._engine_starts()
    preparer(board).do([STEP], board.look())
    assert board.engine().data_root == f"/{NEW}"
    undo(board)
    assert daemon.read_text() == foreign
    assert board.engine().data_root == "/srv/docker"
    assert (board.root / "srv/docker" / FILE).exists()


@pytest.mark.parametrize(
    ("path", "text", "code"),
    [
        (f"{NEW}/x", "", "file-refused"),
        (f"{KEPT}/x", "", "file-refused"),
        ("etc/docker/daemon.json", '{"graph": "/var/lib/docker"}', "file-refused"),
        ("etc/default/docker", 'DOCKER_OPTS="--data-root=/x"', "docker-flags"),
    ],
)
def test_what_stands_in_the_way_is_refused(path: str, text: str, code: str, board: BareBoard) -> None:
    (board.root / path).parent.mkdir(parents=True, exist_ok=True)
    (board.root / path).write_text(text)
    found = checked(board)
    assert found.refusal is not None and found.refusal.code == code


def test_containers_that_outlive_their_engine_are_not_moved(board: BareBoard) -> None:
    mounts = board.root / "proc/self/mountinfo"
    mounts.parent.mkdir(parents=True)
    mounts.write_text(f"88 1 0:55 / {board.root / OLD}/overlay2/x/merged rw - overlay overlay rw\n")
    with pytest.raises(PreflightError, match="live-restore"):
        preparer(board).do([STEP], board.look())
    assert board.engine().reachable


@pytest.mark.parametrize(("shown", "umounted"), [("/srv/docker", False), ("/docker", True)])
def test_what_an_engine_bound_to_itself_is_unmounted_and_nothing_else(
    shown: str, umounted: bool, board: BareBoard
) -> None:
    """As mountinfo says it: what the mount shows of its filesystem."""
    mounts, place = board.root / "proc/self/mountinfo", board.root / OLD
    mounts.parent.mkdir(parents=True)
    above = f"70 1 8:1 / {place.parent} rw - ext4 /dev/a rw\n"
    mounts.write_text(f"{above}88 70 8:1 {shown} {place} rw - ext4 /dev/a rw\n")
    failing(board, "umount", lambda _: Answer(code=0, text=str(mounts.write_text(above))))
    if umounted:
        assert preparer(board).do([STEP], board.look()) == ("data-root",)
    else:
        with pytest.raises(PreflightError, match="is a mount, which cannot be renamed"):
            preparer(board).do([STEP], board.look())
    assert (f"umount /{OLD}" in board.commands or "88" not in mounts.read_text()) == umounted


def test_a_disk_that_is_too_small_or_has_too_few_inodes_is_refused_before_anything_stops(tmp_path: Path) -> None:
    check_room(Taken(bytes=1, inodes=1), tmp_path, left_free=0)
    with pytest.raises(PreflightError, match="the copy takes") as caught:
        check_room(Taken(bytes=2**60, inodes=1), tmp_path)
    assert caught.value.code == "no-space"
    if os.statvfs(tmp_path).f_files:
        with pytest.raises(PreflightError, match="inodes free"):
            check_room(Taken(bytes=1, inodes=2**62), tmp_path, left_free=0)


SPOILT: dict[str, Callable[[Path], object]] = {
    "gone": lambda tree: (tree / "hole").unlink(),
    "one more": lambda tree: (tree / "more").touch(),
    "mode": lambda tree: (tree / "a").chmod(0o755),
    "size": lambda tree: (tree / "hole").write_bytes(b""),
    "time": lambda tree: os.utime(tree / "hole", (1, 1)),
    "link": lambda tree: (tree / "link").rename(tree / "pipe"),
    "attribute": lambda tree: os.setxattr(tree / "a", "user.note", b"lost"),
    "kind": lambda tree: (tree / "a").rename(tree / "pipe"),
}


@pytest.mark.parametrize("what", [*SPOILT, "names"])
def test_a_copy_that_is_not_the_same_is_noticed(what: str, tmp_path: Path) -> None:
    one, other = odd_tree(tmp_path / "one"), tmp_path / "other"
    BareBoard(tmp_path)._setpriv(["--", "cp", "-a", "-T", str(one), str(other)])
    assert list(differences(one, other)) == []
    assert taken_by(one).inodes == 5
    if what == "names":
        content, times = (other / "a").read_bytes(), (other / "a").stat()
        (other / "b").unlink()
        (other / "b").write_bytes(content)
        (other / "b").chmod(stat.S_IMODE(times.st_mode))
        os.setxattr(other / "b", "user.note", b"kept")
        os.utime(other / "b", ns=(times.st_atime_ns, times.st_mtime_ns))
    else:
        SPOILT[what](other)
    assert list(differences(one, other))
