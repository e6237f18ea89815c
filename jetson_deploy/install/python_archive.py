"""A Python for a machine whose own is too old: from a directory of archives, by the names of python-build-standalone.

https://github.com/astral-sh/python-build-standalone: `cpython-3.12.8+20241219-aarch64-unknown-linux-gnu-` and
`install_only.tar.gz`, one directory `python/` that runs wherever it is unpacked.

Runs on a board's own Python too, from 3.8 on, with nothing installed (`on_board.py`).
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import NamedTuple

from jetson_deploy.errors import IntegrityError, PreflightError

LOWEST = (3, 10)
"""pyproject.toml's requires-python."""
_PREFERRED = (3, 12)
"""JetPack 7's own; wheels of every dependency are there for it."""
_NAME = re.compile(
    r"cpython-(\d{1,2})\.(\d{1,3})\.(\d{1,3})\+(\d{8})-([a-z0-9_]+)-unknown-linux-gnu-install_only(?:_stripped)?\.tar\.gz"
)
_SUMS = "SHA256SUMS"


class Archive(NamedTuple):
    path: Path
    sha256: str
    python: tuple[int, int]

    @property
    def install_name(self) -> str:
        """Of its directory on the machine."""
        return f"python-{self.python[0]}.{self.python[1]}-{self.sha256[:8]}"

    @property
    def need_kib(self) -> int:
        """Itself and what is in it: gzip makes such a Python four times smaller."""
        return 6 * self.path.stat().st_size // 1024


def choose(directory: Path, machine: str) -> Archive:
    """3.12 where it is there, else the newest. Raises PreflightError `no-python-archive`, IntegrityError."""
    fitting = [path for path in sorted(directory.glob("cpython-*")) if _fits(path.name, machine)]
    if not fitting:
        raise PreflightError(
            f"there is no Python {LOWEST[0]}.{LOWEST[1]} or newer for {machine} in {directory}",
            hint=f"put {wanted_name(machine)} of python-build-standalone there, with its SHA256SUMS",
            code="no-python-archive",
        )
    path = max(fitting, key=lambda one: (_python(one.name) == _PREFERRED, _key(one.name)))
    return Archive(path=path, sha256=_checked(path), python=_python(path.name))


def wanted_name(machine: str) -> str:
    return f"cpython-3.12.*+*-{machine}-unknown-linux-gnu-install_only.tar.gz"


def _fits(name: str, machine: str) -> bool:
    found = _NAME.fullmatch(name)
    return found is not None and found[5] == machine and _python(name) >= LOWEST


def _python(name: str) -> tuple[int, int]:
    return _key(name)[:2]


def _key(name: str) -> tuple[int, int, int, int]:
    found = _NAME.fullmatch(name)
    return (int(found[1]), int(found[2]), int(found[3]), int(found[4])) if found else (0, 0, 0, 0)


def _checked(path: Path) -> str:
    """Its SHA-256; where the directory has a list, what that says."""
    with path.open("rb") as file:
        total = hashlib.sha256()
        while piece := file.read(1 << 20):
            total.update(piece)
    sums = path.parent / _SUMS
    if sums.is_file():
        listed = _listed(sums, path.name)
        if listed != total.hexdigest():
            says = "does not name it" if listed is None else "gives another hash"
            raise IntegrityError(
                f"{path.name}: {_SUMS} beside it {says}", hint=f"fetch {path.name} again", code="python-archive-damaged"
            )
    return total.hexdigest()


def _listed(sums: Path, name: str) -> str | None:
    for line in sums.read_text(encoding="utf-8", errors="replace").splitlines():
        digest, _, listed = line.strip().partition(" ")
        if listed.strip().lstrip("*") == name:
            return digest.lower()
    return None
