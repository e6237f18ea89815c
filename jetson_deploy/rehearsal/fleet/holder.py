"""The outermost namespaces of a run: mounts, network and processes. When its first process ends, all of it is gone.

It ends when it is asked to, or when the process that started it is gone (its standard input then ends), unless it was
asked to stay.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from pathlib import Path

import msgspec

from jetson_deploy.errors import PreflightError
from jetson_deploy.rehearsal.fleet.layout import GATEWAY, PREFIX_LENGTH, Layout, Place
from jetson_deploy.rehearsal.processes import SBIN

_STAY = b"stay\n"
# SIGCHLD ignored: orphans of the boards are taken away by the kernel.
_FIRST = """
import os, signal, sys
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
os.write(1, b"up\\n")
if os.read(0, 16) == b"stay\\n":
    while True:
        signal.pause()
"""
_MOUNTS = """set -e
mount --make-rprivate /
mount -t proc proc /proc
mount -t tmpfs -o mode=755 tmpfs /run
mount -t tmpfs -o mode=755,size=64g,nr_inodes=0 tmpfs {memory}
exec {python} -I -S -c '{first}' {directory}/holder
"""


class Holder(msgspec.Struct, kw_only=True):
    layout: Layout
    pid: int = 0
    """Of its first process, as this machine counts."""
    _process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Raises PreflightError without the right to, or without the kernel's help."""
        self.layout.memory.mkdir()
        script = _MOUNTS.format(
            memory=self.layout.memory, python=sys.executable, first=_FIRST, directory=self.layout.directory
        )
        argv = ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "bash", "-c", script]
        with (self.layout.directory / "holder.log").open("wb") as log:
            self._process = subprocess.Popen(
                argv,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,
                env=_variables(),
            )
        said = self._process.stdout.readline() if self._process.stdout else b""
        if said != b"up\n":
            raise self._refused()
        self.pid = _child_of(self._process.pid)

    def stay(self) -> None:
        """Go on when this process ends."""
        process = self._process
        if process is not None and process.stdin is not None:
            with contextlib.suppress(OSError):
                process.stdin.write(_STAY)
                process.stdin.flush()

    def end(self) -> None:
        """All its processes die at once, and its mounts and networks with them."""
        if self._process is not None:
            self._process.kill()  # and its child: --kill-child
            self._process.communicate()
        self._process = None

    def enter(self, *, mounts: bool = True) -> list[str]:
        """Prefix of a command to be run inside; without `mounts` only in its network."""
        own = ["--mount", "--pid"] if mounts else []
        return ["nsenter", f"--target={self.pid}", "--net", *own]

    def run(self, *argv: str, stdin: str = "") -> str:
        """A command inside; its standard output. Raises PreflightError with its last words."""
        return self._run([*self.enter(), *argv], argv[0], stdin)

    def run_in(self, pid: int | None, *argv: str, stdin: str = "") -> str:
        """The same on a board, whose first process has this pid."""
        if pid is None:
            raise PreflightError(f"{argv[0]}: the board is switched off", hint="boot it first", code="board-off")
        enter = ["nsenter", f"--target={pid}", "--mount", "--net", "--pid", "--uts", "--ipc", "--root", "--wd"]
        return self._run([*enter, *argv], argv[0], stdin)

    def _run(self, argv: list[str], what: str, stdin: str) -> str:
        done = subprocess.run(argv, input=stdin, capture_output=True, text=True, check=False, env=_variables())
        if done.returncode != 0:
            raise PreflightError(
                f"{what} failed for the rehearsed boards: {(done.stderr.strip() or 'no reason given')[-300:]}",
                hint="a rehearsed fleet needs root and a kernel with namespaces, bridge, veth and overlay",
                code="no-namespace",
            )
        return done.stdout

    def path(self, path: Path) -> Path:
        """As it is reached from outside."""
        return Path(f"/proc/{self.pid}/root{path}")

    def _refused(self) -> PreflightError:
        said = (self.layout.directory / "holder.log").read_text(errors="replace").strip().splitlines()
        return PreflightError(
            f"the rehearsed boards' namespaces could not be made: {said[-1][:300] if said else 'no reason given'}",
            hint="it needs root and a kernel with mount, network and PID namespaces",
            code="no-namespace",
        )


def network(places: list[Place]) -> str:
    """Commands for `ip -batch`: one bridge, and a network namespace with one cable for each board."""
    lines = [
        "link set lo up",
        "link add br0 type bridge",
        f"addr add {GATEWAY}/{PREFIX_LENGTH} dev br0",
        "link set br0 up",
    ]
    for place in places:
        lines += [
            f"netns add {place.namespace}",
            f"link add {place.link} master br0 type veth peer name eth0 netns {place.namespace}",
            f"link set {place.link} up",
        ]
    return "\n".join(lines) + "\n"


def _child_of(pid: int, seconds: float = 5.0) -> int:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if children := Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            return int(children[0])
        time.sleep(0.01)
    raise PreflightError("the rehearsed boards' first process is gone", hint="try again", code="no-namespace")


def _variables() -> dict[str, str]:
    return {**os.environ, "PATH": f"{os.environ.get('PATH', '')}:{SBIN}"}
