"""Daemons of a rehearsal: started detached, waited for, ended when they are still what was started.

A pid alone proves nothing: the number is given again. What may be ended is a child of this process, or a
process whose command line names a file in the session's directory, which no other process does.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from jetson_deploy.errors import PreflightError
from jetson_deploy.own_copy import own_copy

PACKAGES = {
    "dockerd": "docker.io",
    "docker-registry": "docker-registry",
    "runc": "runc",
    "iptables": "iptables",
    "ip": "iproute2",
    "nsenter": "util-linux",
    "ldd": "libc-bin",
}
SBIN = "/usr/sbin:/sbin:/usr/local/sbin"


def check_programs() -> None:
    """Refuse when a program is missing, with the command that installs them all."""
    path = f"{os.environ.get('PATH', '')}:{SBIN}"
    missing = [name for name in PACKAGES if shutil.which(name, path=path) is None]
    if missing:
        packages = " ".join(sorted({PACKAGES[name] for name in missing}))
        raise PreflightError(
            f"a rehearsal needs {', '.join(missing)}",
            hint=f"sudo apt-get install -y --no-install-recommends {packages}{own_copy().does_it()}",
            code="programs-missing",
        )


class Daemon(msgspec.Struct, frozen=True, kw_only=True):
    """What is to run. Its command line holds `word` and names a file in the log's directory: so it is found again."""

    what: str
    word: str
    argv: list[str]
    log: Path


def start(daemon: Daemon, ready: Callable[[], bool], seconds: float = 30.0) -> int:
    """Spawn it and wait until it is ready; its pid. Whatever comes instead, Ctrl-C too, it is ended."""
    pid = 0
    try:
        pid = _spawn(daemon.argv, daemon.log)
        _wait_until(ready, pid, daemon, seconds)
    except BaseException:
        end(pid, daemon.log.parent)
        if pid == 0:
            # Ctrl-C may come between the fork and the moment when Python has the pid: it is then found by its
            # command line, which it gets a moment later.
            time.sleep(0.2)
            end_all(daemon.log.parent, daemon.word)
        raise
    return pid


def _spawn(argv: list[str], log: Path) -> int:
    """Start a daemon that outlives us; its pid. Its end is seen by `alive`, which takes the zombie away."""
    environment = {**os.environ, "PATH": f"{os.environ.get('PATH', '')}:{SBIN}"}
    with log.open("ab") as out:
        process = subprocess.Popen(
            argv, stdout=out, stderr=out, stdin=subprocess.DEVNULL, start_new_session=True, env=environment
        )
    process.returncode = 0  # else Python warns that the process was not waited for
    return process.pid


def _wait_until(ready: Callable[[], bool], pid: int, daemon: Daemon, seconds: float) -> None:
    """Poll `ready`. Raises PreflightError with the log's last line when the daemon died or is late."""
    deadline = time.monotonic() + seconds
    while not ready():
        if not alive(pid) or time.monotonic() > deadline:
            lines = daemon.log.read_text(errors="replace").splitlines()
            raise PreflightError(
                f"{daemon.what} did not come up: {lines[-1][:300] if lines else 'it said nothing'}",
                hint="try again when the machine is less busy; the same message again is worth a report",
                code="part-did-not-start",
            )
        time.sleep(0.05)


def alive(pid: int) -> bool:
    """A zombie of ours counts as dead."""
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    return True


def running(directory: Path, word: str) -> list[int]:
    """Pids of the processes whose command line holds `word` and names a file in the directory."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and word in (words := _command_line(int(entry.name))) and _names(words, directory):
            found.append(int(entry.name))
    return found


def end_all(directory: Path, word: str) -> None:
    """End what `running` finds."""
    for pid in running(directory, word):
        end(pid, directory)


def kill_trees(roots: list[int], seconds: float = 10.0) -> None:
    """SIGKILL to these and to all that they started, as near to one moment as it goes, and wait for their end.

    Frozen first: a parent that lives for a moment longer would act on its child's death.
    """
    pids = _with_descendants(roots)
    for number in (signal.SIGSTOP, signal.SIGKILL):
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
    deadline = time.monotonic() + seconds
    while any(any(_command_line(pid)) for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.02)
    for pid in pids:
        alive(pid)  # takes the zombies away that are our children


def _with_descendants(roots: list[int]) -> list[int]:
    """Parents before their children."""
    found: list[int] = []
    waiting = list(roots)
    while waiting:
        pid = waiting.pop(0)
        if pid in found:
            continue
        found.append(pid)
        with contextlib.suppress(OSError):
            for children in Path(f"/proc/{pid}/task").glob("*/children"):
                waiting += [int(child) for child in children.read_text().split()]
    return found


def end(pid: int, directory: Path, seconds: float = 20.0) -> None:
    """SIGTERM, and SIGKILL when that is not heard. A process that is not of this directory is left alone."""
    for number, patience in ((signal.SIGTERM, seconds), (signal.SIGKILL, 5.0)):
        if not _ours(pid, directory):
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
        deadline = time.monotonic() + patience
        while _ours(pid, directory) and time.monotonic() < deadline:
            time.sleep(0.05)


def _ours(pid: int, directory: Path) -> bool:
    """It lives, as our child (whose number is not given again before we ask) or by its command line."""
    try:
        return pid > 0 and os.waitpid(pid, os.WNOHANG)[0] == 0
    except ChildProcessError:
        return _names(_command_line(pid), directory)


def _names(words: list[str], directory: Path) -> bool:
    return any(f"{directory}/" in word for word in words)


def _command_line(pid: int) -> list[str]:
    """Empty for a process that is gone, and for a zombie."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return []
