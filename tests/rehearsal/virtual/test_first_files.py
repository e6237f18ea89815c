"""The archive that the kernel unpacks after the base's initrd, read by cpio and tar."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

from jetson_deploy.rehearsal.fleet.layer import File
from jetson_deploy.rehearsal.virtual.archive import Entry, archive
from jetson_deploy.rehearsal.virtual.first_files import pack, write_initrd
from jetson_deploy.rehearsal.virtual.initrd import load_order

FILES = {
    "etc/hostname": File(b"a1\n"),
    "etc/ssh/key": File(b"secret", 0o600),
    "usr/bin/tool": File(b"/opt/tool", link=True),
}
HEAD = 110


def names(data: bytes) -> list[str]:
    """Of the records of a cpio archive, by its own header's sizes."""
    found, at = [], 0
    while data[at : at + 6] == b"070701":
        size, length = int(data[at + 54 : at + 62], 16), int(data[at + 94 : at + 102], 16)
        found.append(data[at + HEAD : at + HEAD + length - 1].decode())
        at += (HEAD + length + 3) // 4 * 4 + (size + 3) // 4 * 4
    assert at == len(data)
    return found


def test_files_keep_mode_and_links_and_belong_to_root() -> None:
    with tarfile.open(fileobj=io.BytesIO(pack(FILES))) as tar:
        seen = {one.name: (one.mode, one.uid, one.issym()) for one in tar.getmembers()}
    assert seen == {
        "etc/hostname": (0o644, 0, False),
        "etc/ssh/key": (0o600, 0, False),
        "usr/bin/tool": (0o644, 0, True),
    }


def test_the_same_files_are_the_same_bytes() -> None:
    assert pack(FILES) == pack(dict(reversed(FILES.items())))


def test_the_files_follow_the_initrd_of_the_base(tmp_path: Path) -> None:
    first = archive([Entry("init", b"#!/busybox sh\n", 0o755)])
    (tmp_path / "base").write_bytes(first)
    write_initrd(tmp_path / "base", FILES, tmp_path / "initrd")
    data = (tmp_path / "initrd").read_bytes()
    assert data.startswith(first)
    assert names(data) == ["init", "TRAILER!!!", "first-files", "first-files.tar", "TRAILER!!!"]


def test_a_file_comes_with_the_folders_that_it_lies_in() -> None:
    made = archive([Entry("a/b/c", b"1"), Entry("a/b/d", b"2")])
    assert names(made) == ["a", "a/b", "a/b/c", "a/b/d", "TRAILER!!!"]


def test_a_module_is_loaded_after_those_that_it_needs() -> None:
    lines = [
        "fs/ext4.ko: fs/jbd2.ko lib/crc16.ko",
        "fs/jbd2.ko:",
        "lib/crc16.ko:",
        "virtio-blk.ko: virtio.ko",
        "virtio.ko:",
    ]
    listing = "\n".join(lines)
    assert load_order(listing, ("virtio_blk", "built_in", "ext4")) == [
        "virtio.ko",
        "virtio-blk.ko",
        "lib/crc16.ko",
        "fs/jbd2.ko",
        "fs/ext4.ko",
    ]
