"""Filesystems of real kernels and drivers, on loop devices and in memory, each mounted for one test.

NFS and the kernel's own FAT are not among them: a test machine without these kernel modules cannot mount them.
`disk_tree.Oddities` stands in for what they cannot do.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

from disk_tree import Oddities
from power_cut_fs import power_cut_disk


@contextmanager
def memory(folder: Path, *options: str) -> Iterator[Path]:
    with _mounted(folder / "disk", "mount", "-t", "tmpfs", *options, "jd-test") as point:
        yield point


@contextmanager
def overlay(folder: Path) -> Iterator[Path]:
    """As in a container: a file of the lower layer is copied up when it is written."""
    for name in ("lower", "upper", "work"):
        (folder / name).mkdir()
    layers = f"lowerdir={folder}/lower,upperdir={folder}/upper,workdir={folder}/work"
    with _mounted(folder / "disk", "mount", "-t", "overlay", "-o", layers, "jd-test") as point:
        yield point


@contextmanager
def old_ext4(folder: Path) -> Iterator[Path]:
    """Inodes of 128 bytes: times of 32 bits, in whole seconds."""
    image = _image(folder)
    _run("mkfs.ext4", "-q", "-I", "128", image)
    with _mounted(folder / "disk", "mount", "-o", "loop", image) as point:
        yield point


@contextmanager
def exfat(folder: Path) -> Iterator[Path]:
    """By the driver in user space (exfat-fuse), which wants a block device."""
    image = _image(folder)
    _run("mkfs.exfat", image)
    device = _run("losetup", "--find", "--show", image)
    try:
        with _mounted(folder / "disk", "mount.exfat-fuse", device) as point:
            yield point
    finally:
        _run("losetup", "--detach", device)


@contextmanager
def like_fat(folder: Path) -> Iterator[Path]:
    """FAT32's rules on the disk of these tests, with files of 20 MB at most instead of 4 GiB."""
    odd = Oddities(folds_case=True, forbidden='"*:<>?\\|', largest_file=20_000_000, fallocate=False, coarse_times=True)
    with power_cut_disk(folder / "disk", odd) as disk:
        yield disk.point


FILESYSTEMS: dict[str, Callable[[Path], AbstractContextManager[Path]]] = {
    "tmpfs": memory,
    "overlay": overlay,
    "ext4 with 32-bit times": old_ext4,
    "exFAT": exfat,
    "like FAT": like_fat,
}


def _image(folder: Path) -> str:
    image = folder / "image"
    with image.open("wb") as file:
        file.truncate(200 << 20)
    return str(image)


@contextmanager
def _mounted(point: Path, *command: str) -> Iterator[Path]:
    point.mkdir()
    with ExitStack() as undo:
        _run(*command, str(point))
        undo.callback(_run, "umount", str(point))
        yield point


def _run(*command: str) -> str:
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stdout}{done.stderr}"
    return done.stdout.strip()
