"""Disks of a board: qcow2 files, which take the room that is written to."""

from __future__ import annotations

import subprocess
from pathlib import Path

from jetson_deploy.errors import PreflightError


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
    done = subprocess.run(["qemu-img", *arguments], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        said = (done.stderr.strip() or "no reason given").splitlines()[-1]
        raise PreflightError(
            f"qemu-img {arguments[0]} failed: {said[:300]}",
            hint="look at the free space (df) of the board's directory",
            code="no-disk-for-the-board",
        )
