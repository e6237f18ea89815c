"""`board.sh` run here as on a board: as root, in a network namespace of its own, below a scratch prefix."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import msgspec
from tiny_wheels import write_pip, write_tool

from jetson_deploy.install.machine import BOARD
from jetson_deploy.install.package import pack
from jetson_deploy.install.room import need_kib
from jetson_deploy.install.target import Target
from jetson_deploy.install.wheels import read_wheels

HERE = Target(python=sys.version_info[:2], machine=os.uname().machine, glibc=(2, 31))
PYTHON = Path(sys.base_prefix) / "bin" / f"python{sys.version_info[0]}.{sys.version_info[1]}"
SECONDS = 60


class Made(msgspec.Struct, frozen=True):
    """A package of a stand-in tool and a stand-in pip."""

    name: str
    version: str
    path: Path
    sha256: str
    need_kib: int


class Ended(msgspec.Struct, frozen=True):
    code: int
    lines: list[str]
    stderr: str

    @property
    def steps(self) -> list[str]:
        return [line.removeprefix("@step ") for line in self.lines if line.startswith("@step ")]

    @property
    def refused(self) -> list[str]:
        return next((line.split(" ", 1)[1].split("\t") for line in self.lines if line.startswith("@refused")), [])


class Prefix:
    """One board's place for the tool."""

    def __init__(self, root: Path) -> None:
        self.root, self.link = root / "opt", root / "bin" / "jetson-deploy"
        self.units = root / "units"
        self.units.mkdir(parents=True)

    def argv(self, made: Made, **other: str) -> list[str]:
        """`other`: values that stand instead of the right ones."""
        incoming = self.root / "incoming"
        incoming.mkdir(parents=True, exist_ok=True)
        package = incoming / f"{made.name}.tar"
        shutil.copyfile(made.path, package)
        values = {
            "prefix": str(self.root),
            "link": str(self.link),
            "units": str(self.units),
            "name": made.name,
            "version": made.version,
            "package": str(package),
            "sha256": made.sha256,
            "need_kib": str(made.need_kib),
            "python": str(PYTHON),
            **other,
        }
        return ["unshare", "--net", "sh", str(BOARD), *(f"{name}={value}" for name, value in values.items())]

    def install(self, made: Made, **other: str) -> Ended:
        return run(self.argv(made, **other))

    def killed_at(self, step: str, made: Made) -> None:
        """The script and all it started get SIGKILL when it says that it begins with that."""
        argv = self.argv(made)
        with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True) as process:
            assert process.stdout is not None
            for line in process.stdout:
                if line.decode().strip() == f"@step {step}":
                    break
            else:
                raise AssertionError(f"there was no step {step}")
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(SECONDS)

    def left_alone(self, made: Made) -> int:
        """Its exit status, where none reads what it says: the connection that began it was lost."""
        reader, writer = os.pipe()
        os.close(reader)
        done = subprocess.run(self.argv(made), stdout=writer, stderr=writer, check=False, timeout=SECONDS)
        os.close(writer)
        return done.returncode

    def linked(self) -> str:
        """What the linked tool says of itself; empty: none is linked."""
        if not self.link.is_symlink():
            return ""
        return subprocess.run(
            [self.link, "--version"], capture_output=True, text=True, check=True, timeout=SECONDS
        ).stdout.strip()

    def versions(self) -> set[str]:
        return {path.name for path in self.root.iterdir() if path.is_dir() and path.name != "incoming"}

    def everything(self) -> dict[str, tuple[int, int]]:
        """Each file with its inode and time of change: a second run must not touch one."""
        files = [*self.root.rglob("*"), self.link]
        there = {str(path): path.lstat() for path in files if path.name not in (".lock", "incoming")}
        return {name: (found.st_ino, found.st_mtime_ns) for name, found in there.items() if name != str(self.root)}


def run(argv: list[str]) -> Ended:
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=SECONDS)
    return Ended(done.returncode, done.stdout.splitlines(), done.stderr)


def make_stand_in(directory: Path, version: str, *, works: bool = True) -> Made:
    directory.mkdir(parents=True)
    write_pip(directory)
    write_tool(directory, version, works=works)
    wheels = read_wheels(directory, HERE)
    path = directory / "package.tar"
    sha256 = pack(wheels, path)
    return Made(f"{version}-{sha256[:8]}", version, path, sha256, need_kib(wheel.path for wheel in wheels))
