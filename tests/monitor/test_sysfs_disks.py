"""Disks: this machine's, by role; what may hang is not asked at all."""

from __future__ import annotations

from pathlib import Path

import pytest
from sysfs_trees import ORIN, copied, put

from jetson_deploy.monitor.sources.sysfs import SysfsSource
from jetson_deploy.monitor.sources.sysfs.disks import Place, find_disks, mount_of, parse_mounts

MOUNTS = r"""
/dev/nvme0n1p1 / ext4 rw,relatime 0 0
/dev/sda1 {here}/ssd\040one ext4 rw 0 0
server:/x {here}/net nfs4 rw 0 0
user@host:/ {here}/net/deeper ext4 rw 0 0
me@host: {here}/sshfs fuse.sshfs rw 0 0
auto {here}/auto autofs rw 0 0
short line
"""


@pytest.fixture
def mounts(tmp_path: Path) -> Path:
    for name in ("ssd one/models", "net/models", "net/deeper", "sshfs", "auto"):
        (tmp_path / name).mkdir(parents=True)
    return put(tmp_path, "mounts", MOUNTS.replace("{here}", str(tmp_path)))


def test_mounts_are_read_with_their_escapes() -> None:
    kinds = parse_mounts(MOUNTS.replace("{here}", "/h"))
    assert kinds["/h/ssd one"] == "ext4"
    assert [mount_of(path, kinds) for path in ("/h/net/x", "/h/network", "/h/ssd one")] == [
        "/h/net", "/", "/h/ssd one",
    ]  # fmt: skip


PLACES = [
    ("ssd one/models", "ssd one"),
    ("link", "ssd one"),
    ("net/models", None),
    ("to-net", None),
    ("through-net", None),
    ("sshfs", None),
    ("auto", None),
    ("absent", None),
    ("circle", None),
]


@pytest.mark.parametrize(("place", "mount"), PLACES)
def test_a_place_is_found_on_its_mount_or_left_out(place: str, mount: str | None, mounts: Path) -> None:
    here = mounts.parent
    for name, target in (("link", "ssd one/models"), ("to-net", "net/models"), ("circle", "circle")):
        (here / name).symlink_to(target)
    (here / "through-net").symlink_to("net/../ssd one")
    found = find_disks({"store": here / place}, mounts)
    expected = (Place("store", str(here / "ssd one/models"), str(here / mount)),) if mount else ()
    assert found == expected


def test_an_unknown_role_is_left_out(mounts: Path) -> None:
    assert find_disks({"other": mounts.parent}, mounts) == ()


def test_this_machines_root_has_a_size_and_a_captured_board_none(tmp_path: Path) -> None:
    root = copied(ORIN, tmp_path)
    (disk,) = SysfsSource(root, {"root": Path("/")}).read().disks
    assert (disk.mount, disk.role) == ("/", "root")
    assert disk.total_bytes
    assert disk.free_bytes is not None
    assert 0 <= disk.free_bytes <= disk.total_bytes
    assert SysfsSource(root, None).read().disks == ()


def test_a_place_that_goes_keeps_its_row_without_numbers(tmp_path: Path) -> None:
    root = copied(ORIN, tmp_path)
    place = tmp_path / "store"
    place.mkdir()
    source = SysfsSource(root, {"store": place})
    assert source.read().disks[0].total_bytes
    place.rmdir()
    (disk,) = source.read().disks
    assert (disk.total_bytes, disk.free_bytes, disk.read_only) == (None, None, None)
