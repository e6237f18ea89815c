"""A bare JetPack 6 board, booted from what was captured of one, is made ready by one command, and given back.

Real: systemd, Docker Engine, the disk that data move to, the accounts. Simulated: nvpmodel, and the kernel's list of
swap, which all boards of this machine share.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
from fleet_boards import booted_boards
from prepared_board import PREPARE, PreparedBoard, mounted_disk

pytestmark = pytest.mark.integration
CALLED = "SUDO_USER=nvidia"
MODEL = "--disk /ssd --model 1.5b"
JOURNALD = ("systemd-journald.service", "systemd-journald.socket", "systemd-journald-dev-log.socket")
_STANDS = "[Service]\nExecStart=/bin/sleep infinity\n[Install]\nWantedBy=multi-user.target\n"
_NVPMODEL = r"""#!/bin/sh -eu
status=/var/lib/nvpmodel/status
case $1 in
  -q) sed -n 's/^pmode:0*\([0-9]\).*/\1/p' $status ;;
  -m) printf 'pmode:%04d' "$2" >$status ;;
esac
"""
_SWAP_ON = """#!/bin/sh -eu
# swapoff is the same program
kib=1048572
case $0 in
  *swapon) printf '%s\\tfile\\t%s\\t0\\t-2\\n' "$1" $kib >>/run/swaps ;;
  *swapoff) sed -i "\\|^$1\\t|d" /run/swaps; kib=0 ;;
esac
cat /run/swaps >/proc/swaps
sed "s/^SwapTotal:.*/SwapTotal: $kib kB/; s/^SwapFree:.*/SwapFree: $kib kB/" /run/meminfo >/proc/meminfo
"""
_BARE = """
set -e
mkdir -p /emmc/docker /box/bin
mount -t tmpfs -o size=1g emmc /emmc
cp /proc/meminfo /run/meminfo; cp /run/meminfo /run/meminfo-now; mount --bind /run/meminfo-now /proc/meminfo
printf 'Filename\\tType\\tSize\\tUsed\\tPriority\\n' >/run/swaps
cp /run/swaps /run/swaps-now; mount --bind /run/swaps-now /proc/swaps
chmod +x /usr/local/bin/nvpmodel /usr/local/sbin/swapon
ln -s swapon /usr/local/sbin/swapoff
echo '/dev/{device} /ssd ext4 defaults 0 2' >>/etc/fstab
printf '127.0.0.1\\tlocalhost\\n' >/etc/hosts
printf pmode:0000 >/var/lib/nvpmodel/status
ln -sfn /lib/systemd/system/graphical.target /etc/systemd/system/default.target
ln -s /lib/systemd/system/gdm.service /etc/systemd/system/display-manager.service
getent group docker >/dev/null || groupadd --system docker
echo '{{"data-root": "/emmc/docker", "storage-driver": "overlay2"}}' >/etc/docker/daemon.json
systemctl cat docker.service | sed -e 's/--storage-driver overlay2//' -e /^#/d >/etc/systemd/system/docker.service
systemctl daemon-reload
systemctl start systemd-journald.socket systemd-journald.service
systemctl restart docker.service
until docker info >/dev/null 2>&1; do sleep 0.1; done
cp /bin/busybox /box/bin
tar -C /box -c . | docker import - box >/dev/null
docker run -d --name one --network none --restart always box /bin/busybox sh -c \
  'trap "exit 0" TERM; while :; do /bin/busybox sleep 1; done'
mkdir -p /var/lib/jetson-deploy/models/blobs /var/lib/jetson-deploy/models/.jetson-deploy
echo weights >/var/lib/jetson-deploy/models/blobs/sha256-aa
: >/var/lib/jetson-deploy/models/.jetson-deploy/lock
"""
_FIND = "find /etc /ssd /var/lib/nvpmodel /var/lib/jetson-deploy/models -xdev ! -path '/etc/*-' ! -name .pwd.lock"
_TREE = f"""
{_FIND} \\( -type f -o -type l \\) -printf '%p %m %u %g %l\\n' | sort
{_FIND} -type f | sort | xargs sha256sum
"""
"""Names that end in a dash are what usermod and gpasswd keep of the accounts before."""


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PreparedBoard]:
    image = tmp_path_factory.mktemp("disk") / "image"
    with booted_boards(1, kind="full") as fleet, mounted_disk(fleet, image, gib=8) as device:
        one = PreparedBoard(fleet)
        for name in JOURNALD:
            one.put(f"/etc/systemd/system/{name}", Path("/lib/systemd/system", name).read_text())
        one.put("/usr/lib/systemd/system/systemd-timesyncd.service", _STANDS)
        one.put("/usr/local/bin/nvpmodel", _NVPMODEL)
        one.put("/usr/local/sbin/swapon", _SWAP_ON)
        one.sh(_BARE.format(device=device))
        yield one


def states(board: PreparedBoard) -> dict[str, str]:
    return {row["id"]: row["state"] for row in board.prepare(MODEL, before=CALLED)["steps"]}


def findings(board: PreparedBoard) -> set[str]:
    """That a step of `prepare` mends."""
    return {one["id"] for one in board.doctor()["findings"] if one.get("steps")}


def runs(board: PreparedBoard) -> list[str]:
    return board.sh("docker ps --format '{{.Names}}'; docker image ls -q box | wc -l").split()


def test_one_command_makes_it_ready_a_second_changes_nothing_and_undo_gives_it_back(board: PreparedBoard) -> None:
    before = board.sh(_TREE)
    bare = states(board)
    assert {name for name, state in bare.items() if state != "to-do"} <= {"containerd-root", "time-sync"}
    assert "nvidia-runtime-missing" in findings(board)
    done = board.prepare(f"{MODEL} --yes", before=CALLED)
    assert done["result"] == "done"
    assert {row["id"] for row in done["steps"] if row["state"] == "done"} >= {
        name for name, state in bare.items() if state == "to-do"
    }
    assert set(states(board).values()) == {"ready"}
    assert not findings(board)
    assert board.sh("docker info -f '{{.DockerRootDir}} {{.Runtimes.nvidia.Path}}'").split() == [
        "/ssd/jetson-deploy/docker",
        "nvidia-container-runtime",
    ]
    assert runs(board) == ["one", "1"]
    ready = board.sh(_TREE)
    assert board.prepare(f"{MODEL} --yes", before=CALLED)["result"] == "no-changes"
    assert board.sh(_TREE) == ready
    assert board.prepare("--undo --yes")["result"] == "undone"
    assert board.sh(_TREE) == before
    assert states(board) == bare
    assert runs(board) == ["one", "1"]


def test_killed_again_and_again_it_gets_ready_all_the_same_and_is_given_back(board: PreparedBoard) -> None:
    """Each run is killed some borders further on than the one before it; the last one comes to its end."""
    before = board.sh(_TREE)
    kills = 0
    for number in itertools.count(2):
        side = ("before", "after")[number % 2]
        crash = f"JETSON_DEPLOY_CRASH_AT=prepare:{number}:{side}"
        board.sh("systemctl reset-failed")  # systemd counts starts, and these are many
        code = board.sh(f"{CALLED} {crash} {PREPARE} {MODEL} --yes >/dev/null 2>&1; echo $?").strip()
        if code != "137":
            break
        kills += 1
    assert (code, kills > 5) == ("0", True)
    assert set(states(board).values()) == {"ready"}
    assert runs(board) == ["one", "1"]
    assert board.prepare("--undo --yes")["result"] == "undone"
    assert board.sh(_TREE) == before
    assert runs(board) == ["one", "1"]
