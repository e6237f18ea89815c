"""How this very copy of the tool came here: a hint names what is there for it, and nothing else.

A clone has `scripts/`, pip and its own environment; what `scripts/install.sh` or a fleet installed has wheels beside it
and no pip; a Debian package belongs to dpkg.
"""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path
from typing import Literal, NamedTuple

Way = Literal["clone", "installed", "deb", "pipx", "uv", "pip"]
INSTALLED = re.compile(r"([0-9][A-Za-z0-9.+]{0,40})-([0-9a-f]{8})")
"""Name of a version's directory: version, and the first letters of its source's hash."""
_PACKAGE = Path(__file__).parent
_MARKS: dict[Way, str] = {"pipx": "pipx_metadata.json", "uv": "uv-receipt.toml", "deb": ".deb"}


class OwnCopy(NamedTuple):
    way: Way
    environment: Path
    """The virtual environment that it runs in."""
    package: Path
    """Its modules."""

    def script(self, name: str) -> str:
        """How one of `scripts/` that ship with every copy is typed here."""
        if self.way == "clone":
            return f"scripts/{name}"
        return shlex.quote(str(self.package / "_data" / "scripts" / name))

    def adding(self, package: str) -> str:
        """What gives this copy a Python package that it has not."""
        python = shlex.quote(str(self.environment / "bin" / "python"))
        if self.way == "installed":
            pip = next(iter(sorted((self.environment / "wheels").glob("pip-*.whl"))), None)
            return f"{python} {pip or 'PIP-WHEEL'}/pip install {package}"
        if self.way == "pipx":
            return f"pipx inject jetson-deploy {package}"
        if self.way == "uv":
            also = package.replace(" ", " --with ")
            return f"uv tool install --with {also} WHEEL, with the wheel that this copy came from"
        if self.way == "deb":
            return f"a clone or pipx, to which {package} can be added: the Debian package is dpkg's alone"
        return f"{python} -m pip install {package}"

    def adding_fleet(self) -> str:
        """What `fleet` needs beside."""
        return "scripts/setup fleet" if self.way == "clone" else self.adding("'asyncssh[bcrypt]' packaging")

    def does_it(self, script: str = "up") -> str:
        """Behind a command of apt: a clone has a script for it."""
        return f" (scripts/{script} does it)" if self.way == "clone" else ""

    def newer(self) -> str:
        """What brings another version in this one's place."""
        return {
            "clone": f"git pull in {self.package.parent}, then scripts/setup there",
            "installed": "sudo jetson-deploy self update FROM",
            "deb": "sudo apt-get install ./jetson-deploy_VERSION_ARCHITECTURE.deb, which scripts/deb of a clone makes",
            "pipx": "pipx install --force WHEEL",
            "uv": "uv tool install --force WHEEL",
            "pip": f"{shlex.quote(str(self.environment / 'bin' / 'python'))} -m pip install WHEEL",
        }[self.way]


def own_copy(environment: Path | None = None, package: Path | None = None) -> OwnCopy:
    environment, package = environment or Path(sys.prefix), package or _PACKAGE
    if (package.parent / "pyproject.toml").is_file() and (package.parent / "scripts" / "setup").is_file():
        return OwnCopy("clone", environment, package)
    if INSTALLED.fullmatch(environment.name) and (environment / ".installed").is_file():
        return OwnCopy("installed", environment, package)
    marked: Way = next((way for way, mark in _MARKS.items() if (environment / mark).is_file()), "pip")
    return OwnCopy(marked, environment, package)
