"""Disks of a board: qcow2 files, which take the room that is written to."""

from __future__ import annotations

from pathlib import Path

from jetson_deploy.rehearsal.virtual.program import run_program


def overlay(base: Path, target: Path, gigabytes: int) -> None:
    """A disk that begins as the base image and leaves it as it is."""
    _image("create", "-q", "-f", "qcow2", "-F", "raw", "-b", str(base), str(target), f"{gigabytes}G")


def empty(target: Path, gigabytes: int) -> None:
    _image("create", "-q", "-f", "qcow2", str(target), f"{gigabytes}G")


def room(target: Path) -> int:
    """Bytes that a file takes on this machine's disk."""
    try:
        return target.stat().st_blocks * 512
    except OSError:
        return 0


def _image(*arguments: str) -> None:
    run_program(
        ["qemu-img", *arguments],
        what=f"qemu-img {arguments[0]}",
        hint="look at the free space (df) of the board's directory",
        code="no-disk-for-the-board",
    )
