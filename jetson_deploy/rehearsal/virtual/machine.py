"""One virtual board: made, switched on, used, cut off, removed. Its directory is all that there is of it."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from jetson_deploy.errors import PreflightError, UsageError
from jetson_deploy.rehearsal.fleet.layer import File
from jetson_deploy.rehearsal.virtual import forgetful_disk, qmp, running
from jetson_deploy.rehearsal.virtual.command_line import FORGETFUL, Cache, start_command
from jetson_deploy.rehearsal.virtual.disk import empty, overlay, room
from jetson_deploy.rehearsal.virtual.first_files import write_initrd
from jetson_deploy.rehearsal.virtual.own_files import own_files
from jetson_deploy.rehearsal.virtual.shell import Shell
from jetson_deploy.rehearsal.virtual.tree import write_tree
from jetson_deploy.rehearsal.virtual.wanted import Disk, Wanted, check_name, read_wanted

_FORGETFUL_ROOM = 64 << 30
"""Bytes: the file of a disk cannot grow behind its cache."""


class Machine:
    """`Machine(directory)` of one that is there; `Machine.create` makes one."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.wanted = read_wanted(directory)

    @classmethod
    def create(cls, directory: Path, wanted: Wanted, files: Mapping[str, File] | None = None) -> Machine:
        """`files`: what it has from its first boot on, beside name, keys and network. It is there as a whole or not
        at all. Raises PreflightError."""
        check_name(wanted.name)
        work = directory.with_name(f".{directory.name}.new")
        shutil.rmtree(work, ignore_errors=True)
        if directory.exists():
            raise UsageError(
                f"there is a virtual board {wanted.name} already",
                hint=f"scripts/virtual-board remove {wanted.name}",
                code="board-exists",
            )
        work.mkdir(mode=0o700, parents=True)
        try:
            shell = Shell(work, wanted.name, wanted.port)
            shell.make_keys()
            write_tree(wanted, work / "board.dtb")
            overlay(Path(wanted.base) / "base.img", work / "disk.qcow2", wanted.disk_gigabytes)
            for disk in wanted.disks:
                empty(work / f"{disk.name}.qcow2", disk.gigabytes)
            write_initrd(
                Path(wanted.base) / "initrd.img", own_files(wanted, shell) | dict(files or {}), work / "initrd.img"
            )
            wanted.write(work)
            work.rename(directory)
        except BaseException:
            shutil.rmtree(work, ignore_errors=True)
            raise
        return cls(directory)

    @property
    def shell(self) -> Shell:
        return Shell(self.directory, self.wanted.name, self.wanted.port)

    @property
    def console(self) -> Path:
        """What it has printed on its serial line, of all boots."""
        return self.directory / "console"

    @property
    def runs(self) -> bool:
        return running.running(self.directory) is not None

    @property
    def room(self) -> int:
        """Bytes on this machine's disk."""
        return sum(room(path) for path in self.directory.iterdir())

    def start(
        self,
        *,
        cache: Cache = "writeback",
        without: Sequence[str] = (),
        load: str | None = None,
        forgets: bool = False,
        seconds: float = 60.0,
    ) -> None:
        """Switch it on; returns once qemu runs it. `without`: disks that are missing this time; `load`: a state that
        `save` kept, from which it goes on at once; `forgets`: its disk, what was not flushed. Raises PreflightError."""
        if self.runs:
            raise PreflightError(
                f"{self.wanted.name} runs already",
                hint=f"scripts/virtual-board cut {self.wanted.name}",
                code="board-runs",
            )
        self.shell.hang_up()
        for _ in range(5):
            if not _is_free(self.wanted.port):
                self.change(port=free_port())
            if forgets:
                forgetful_disk.begin(self.directory / "disk.qcow2", self.directory / FORGETFUL, room=_FORGETFUL_ROOM)
            how = start_command(self.wanted, self.directory, cache=cache, without=without, load=load, forgets=forgets)
            if self._spawn(how, seconds):
                return
            if "host forwarding" not in self._last_words():
                break
        raise PreflightError(
            f"qemu does not start {self.wanted.name}: {self._last_words()}",
            hint=f"see {self.directory / 'qemu.log'}",
            code="part-did-not-start",
        )

    def wait(self, seconds: float = 600.0) -> float:
        """Until a command can be run on it over ssh; the seconds since its start. Raises PreflightError."""
        deadline = time.monotonic() + seconds
        while True:
            known = running.running(self.directory)
            if known is None or time.monotonic() > deadline:
                raise self._late("ended before ssh answered" if known is None else "does not answer ssh in time")
            with contextlib.suppress(subprocess.TimeoutExpired):
                if self.shell.run("true", seconds=60).returncode == 0:
                    return time.monotonic() - known.at
            time.sleep(0.5)

    def ssh(self, command: str, *, stdin: str = "", seconds: float = 120.0) -> subprocess.CompletedProcess[str]:
        """Exit status 255: no connection, or it was lost."""
        return self.shell.run(command, stdin=stdin, seconds=seconds)

    def put(self, sources: Sequence[Path], target: str) -> None:
        """Copy files and folders there. Raises PreflightError."""
        done = self.shell.copy(sources, target)
        if done.returncode != 0:
            raise PreflightError(
                f"{self.wanted.name} does not take {target}: {done.stderr.strip()[-300:]}",
                hint="it has to be up, with room on its disk",
                code="board-copy-failed",
            )

    def cut(self) -> None:
        """The power goes: SIGKILL to qemu. What the board gave to its disk stays."""
        running.kill(self.directory, signal.SIGKILL)
        self.shell.hang_up()

    def stop(self, seconds: float = 180.0) -> None:
        """Shut down as `poweroff` does, and cut off when that is not done in time."""
        if self.runs:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.ssh("systemctl poweroff", seconds=60)
            running.gone(self.directory, seconds)
        self.cut()

    def remove(self) -> None:
        """Nothing of it is left."""
        self.cut()
        shutil.rmtree(self.directory, ignore_errors=True)

    def save(self, name: str) -> None:
        """The state of the running board, memory and disks, kept in its disk's file. Raises PreflightError."""
        qmp.monitor(self.directory / "qmp", f"savevm {check_name(name)}")

    def load(self, name: str) -> None:
        """The running board is again as it was saved: memory, disks, and its clock. Connections are gone."""
        qmp.monitor(self.directory / "qmp", f"loadvm {check_name(name)}")
        self.shell.hang_up()

    def attach(self, disk: Disk) -> None:
        """A second disk, empty the first time; it is there from the next start on."""
        check_name(disk.name)
        file = self.directory / f"{disk.name}.qcow2"
        if not file.exists():
            empty(file, disk.gigabytes)
        self.change(disks=[*(one for one in self.wanted.disks if one.name != disk.name), disk])

    def change(self, **fields: object) -> None:
        """Fields of `Wanted` that need no new tree, from the next start on."""
        self.wanted = msgspec.structs.replace(self.wanted, **fields)
        self.wanted.write(self.directory)

    def _spawn(self, argv: list[str], seconds: float) -> bool:
        """False: qemu ended again before it answered."""
        (self.directory / "qmp").unlink(missing_ok=True)
        at = time.monotonic()
        with (self.directory / "qemu.log").open("wb") as log:
            process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        process.returncode = 0  # else Python warns that the process was not waited for
        known = running.mark(process.pid, at)
        if known is not None:
            known.write(self.directory)
        while self.runs and time.monotonic() < at + seconds:
            with contextlib.suppress(PreflightError):
                qmp.ask(self.directory / "qmp", "query-status", 5.0)
                return True
            time.sleep(0.05)
        running.kill(self.directory, signal.SIGKILL)
        return False

    def _last_words(self) -> str:
        with contextlib.suppress(OSError):
            lines = (self.directory / "qemu.log").read_text(errors="replace").strip().splitlines()
            return lines[-1][:300] if lines else "it said nothing"
        return "it said nothing"

    def _late(self, what: str) -> PreflightError:
        lines: list[str] = []
        with contextlib.suppress(OSError):
            lines = self.console.read_text(errors="replace").strip().splitlines()
        said = lines[-1][:200] if lines else "nothing"
        return PreflightError(
            f"{self.wanted.name} {what}; its console: {said}; qemu: {self._last_words()}",
            hint=f"see {self.console}; a busy machine needs more time",
            code="part-did-not-start",
        )


def machines(root: Path) -> list[Machine]:
    """The boards below a directory that only this user can write."""
    found = []
    for directory in sorted(root.glob("[a-z0-9]*")):
        with contextlib.suppress(PreflightError):
            if directory.stat().st_uid == os.geteuid():
                found.append(Machine(directory))
    return found


def free_port() -> int:
    """Of this machine's loopback; another program may take it before it is used."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
