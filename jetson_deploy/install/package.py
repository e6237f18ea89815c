"""A package: wheels, pip among them, and a list with the hash of each, as one file of the same bytes each time."""

from __future__ import annotations

import hashlib
import io
import tarfile
from collections.abc import Sequence
from pathlib import Path

import msgspec

from jetson_deploy.install.target import Target
from jetson_deploy.install.wheels import Wheel


class Package(msgspec.Struct, frozen=True, kw_only=True):
    path: Path
    sha256: str
    version: str
    install_name: str
    """Of its directory on a board: version and the first letters of the source's hash."""
    target: Target
    need_kib: int
    """So much room it takes to install it, and more than it takes afterwards."""
    wheels: tuple[str, ...]
    """Their file names."""


def pack(wheels: Sequence[Wheel], path: Path) -> str:
    """Write it; its SHA-256."""
    with tarfile.open(path, "w", format=tarfile.GNU_FORMAT) as archive:
        _add(archive, "requirements.txt", requirements(wheels).encode())
        for wheel in sorted(wheels, key=lambda one: one.path.name):
            _add(archive, f"wheels/{wheel.path.name}", wheel.path.read_bytes())
    return hashlib.sha256(path.read_bytes()).hexdigest()


def requirements(wheels: Sequence[Wheel]) -> str:
    """What pip installs there: every one by version and hash. pip itself is carried to be run, not to be installed."""
    installed = (wheel for wheel in sorted(wheels, key=lambda one: one.name) if wheel.name != "pip")
    lines = (f"{one.name}=={one.version} --hash=sha256:{_digest(one.path)}\n" for one in installed)
    return "".join(lines)


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode, entry.mtime = len(content), 0o644, 0
    archive.addfile(entry, io.BytesIO(content))
