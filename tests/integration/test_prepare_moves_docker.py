"""A board's real Docker Engine moves to a disk of its own (ext4), with what it runs, and back."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fleet_boards import booted_boards
from prepared_board import PREPARE, PreparedBoard, mounted_disk, until

pytestmark = pytest.mark.integration
OLD, NEW = "/emmc/docker", "/ssd/jetson-deploy/docker"
_SITE = """
set -e
mkdir -p /emmc /box/bin
mount -t tmpfs -o size=1g emmc /emmc
echo '/dev/{device} /ssd ext4 defaults 0 2' >>/etc/fstab
echo '{{"data-root": "/emmc/docker", "storage-driver": "overlay2"}}' >/etc/docker/daemon.json
systemctl cat docker.service | sed -e 's/--storage-driver overlay2//' -e /^#/d \
  -e '/ExecStart/a TimeoutStopSec=120' >/etc/systemd/system/docker.service
systemctl daemon-reload
systemctl restart docker.service
until docker info >/dev/null 2>&1; do sleep 0.1; done
cp /bin/busybox /box/bin
ln -s busybox /box/bin/sleep
tar -C /box -c . | docker import - box >/dev/null
docker run -d --name one --network none --restart always -v kept:/data box /bin/busybox sh -c \\
  'echo written >/data/file; {waits}'
docker run -d --name two --network none box /bin/busybox sh -c '{waits}'
"""
_WAITS = 'trap "exit 0" TERM; while :; do /bin/sleep 1; done'
_CP = """#!/bin/sh
for last; do :; done
mkdir "$last" && touch "$last/half" /run/copying
exec sleep 600
"""


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PreparedBoard]:
    with (
        booted_boards(1, kind="full") as fleet,
        mounted_disk(fleet, tmp_path_factory.mktemp("disk") / "image") as device,
    ):
        one = PreparedBoard(fleet)
        one.sh(_SITE.format(device=device, waits=_WAITS))
        yield one


def check_runs_in(board: PreparedBoard, root: str) -> None:
    assert board.sh("docker info -f '{{.DockerRootDir}}'").strip() == root
    assert set(board.sh("docker ps --format '{{.Names}}'").split()) == {"one", "two"}
    assert board.sh(f"cat {root}/volumes/kept/_data/file; docker exec one /bin/busybox cat /data/file").split() == [
        *("written", "written")
    ]
    assert board.sh("docker image ls -q box").strip()


@pytest.mark.parametrize(
    ("spoil", "mend", "disk", "says"),
    [
        ("fallocate -l 600M /ssd/full", "rm /ssd/full", "/ssd", "the copy takes"),
        ("mount -o remount,ro /ssd", "mount -o remount,rw /ssd", "/ssd", "is mounted read-only"),
    ],
)
def test_a_disk_that_cannot_take_it_is_refused_and_no_container_stops(
    spoil: str, mend: str, disk: str, says: str, board: PreparedBoard
) -> None:
    started = board.sh("docker inspect -f '{{.State.StartedAt}}' one two")
    board.sh(spoil)
    try:
        row = board.prepare(f"--only data-root --disk {disk} --yes", code=3)["steps"][0]
    finally:
        board.sh(mend)
    assert (row["state"], says in row["now"], bool(row["fix"])) == ("refused", True, True), row
    assert board.sh("docker inspect -f '{{.State.StartedAt}}' one two") == started


def test_killed_in_the_middle_of_the_copy_the_next_run_moves_it_whole_and_it_comes_back(board: PreparedBoard) -> None:
    board.fleet.inside(board.place, "sh", "-c", "cat >/usr/local/bin/cp; chmod +x /usr/local/bin/cp", stdin=_CP)
    board.sh(
        f"{PREPARE} --only data-root --disk /ssd --yes >/dev/null 2>&1 & "
        "until [ -e /run/copying ]; do sleep 0.1; done; kill -9 $!; wait $!; rm /usr/local/bin/cp"
    )
    assert board.sh("ls -A /ssd/jetson-deploy").split() == [".docker.jetson-deploy"]
    until(lambda: "sleep 600" not in board.sh("cat /proc/[0-9]*/cmdline | tr '\\0' ' '"))

    assert board.prepare("--only data-root --disk /ssd --yes")["result"] == "done"
    check_runs_in(board, NEW)
    assert board.sh(f"ls -A /ssd/jetson-deploy {OLD}.before-jetson-deploy | grep -c volumes").strip() == "1"
    assert board.sh("ls -A /ssd/jetson-deploy").split() == ["docker"]
    assert NEW in board.sh("systemctl show -p RequiresMountsFor docker.service")

    assert board.prepare("--remove-old --yes")["result"] == "done"
    board.sh("docker exec one /bin/busybox touch /data/since")
    assert board.prepare("--undo data-root --yes")["result"] == "undone"
    check_runs_in(board, OLD)
    board.sh(f"test -e {OLD}/volumes/kept/_data/since")
    assert board.sh("ls -A /ssd /emmc").split() == ["/emmc:", "docker", "/ssd:", "lost+found"]


def test_models_move_while_a_server_reads_them_and_it_reads_the_new_ones_then(board: PreparedBoard) -> None:
    store, label = "/emmc/models", "io.jetson-deploy.store"
    board.sh(
        f"mkdir -p {store}/blobs {store}/.jetson-deploy; echo weights >{store}/blobs/sha256-aa; "
        f"docker run -d --name jetson-deploy --label {label}={store} --label io.jetson-deploy.name=default "
        f"--network none -v {store}:/models:ro box /bin/busybox sh -c '{_WAITS}'"
    )
    try:
        assert board.prepare("--only model-store --disk /ssd --yes")["result"] == "done"
        assert board.sh(f"readlink {store}").strip() == "/ssd/jetson-deploy/models"
        board.sh("echo newer >/ssd/jetson-deploy/models/blobs/sha256-bb")
        served = "docker exec jetson-deploy /bin/busybox cat /models/blobs/sha256-aa /models/blobs/sha256-bb"
        assert board.sh(served).split() == ["weights", "newer"]
        assert board.prepare("--remove-old --yes")["result"] == "done"
        assert board.sh(served).split() == ["weights", "newer"]
        assert board.prepare("--undo model-store --yes")["result"] == "undone"
        assert board.sh(f"{served}; cat {store}/blobs/sha256-bb").split() == ["weights", "newer", "newer"]
        assert board.sh("ls -A /ssd /emmc").split() == ["/emmc:", "docker", "models", "/ssd:", "lost+found"]
    finally:
        board.sh(f"docker rm -f jetson-deploy; rm -rf {store}")
