"""Runs one command and tells its time, its processor time and its memory, with all processes it starts.

Memory is read from /proc while it runs: what wait4 tells of a child contains the size of the process that it
was forked from, which is this one.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

_SAMPLE_SECONDS = 0.02
_SHARE = 10
"""Of its time, looking takes one part: a hundred processes are long to look at, on the cores that they work on."""
_TICKS = os.sysconf("SC_CLK_TCK")


class Measured(NamedTuple):
    seconds: float
    """On the wall."""
    cpu_seconds: float
    """User and system, of the command and of the servers that worked for it."""
    peak_bytes: int
    """Resident, all its processes and those servers together."""
    peak_files: int = 0
    """Open in one of its processes; 0: it was not looked at."""
    ended: bool = True
    """False: it was killed at its limit, and its processor time is not known."""
    exit_code: int = 0


class Command(NamedTuple):
    """What is to be measured under `label`."""

    label: str
    argv: Sequence[str]
    environment: dict[str, str] | None = None
    servers: Collection[int] = ()
    """Processes that run already and do the command's work: Ollama's server for `ollama pull`."""
    files: bool = False
    """Its open files are counted."""
    limit_seconds: float | None = None
    """It is killed then, with all that it started."""
    may_end_with: Collection[int] = (0,)
    """Exit codes after which its figures count; whoever shows them says the code."""


def measure(command: Command) -> Measured:
    """Run it once. Raises SystemExit with what it said when it fails; nothing of it is left running then."""
    before = sum(map(_cpu_seconds, command.servers))
    started = time.perf_counter()
    process = subprocess.Popen(
        command.argv,
        env=command.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        with (
            _memory_of(process.pid, command.servers, files=command.files) as peak,
            _reading(process) as said,
            _ended_after(process, command.limit_seconds) as cut,
        ):
            _, status, usage = os.wait4(process.pid, 0)
            seconds = time.perf_counter() - started
            process.returncode = os.waitstatus_to_exitcode(status)
    except BaseException:
        _end(process)
        raise
    if cut.is_set() and process.returncode == -signal.SIGKILL:
        return Measured(seconds, 0.0, *peak(), ended=False)
    if process.returncode not in command.may_end_with:
        raise SystemExit(f"{command.label}: ended with {process.returncode}:\n{said()}")
    worked = sum(map(_cpu_seconds, command.servers)) - before
    return Measured(seconds, usage.ru_utime + usage.ru_stime + worked, *peak(), exit_code=process.returncode)


def _end(process: subprocess.Popen[bytes]) -> None:
    _kill(process.pid)
    process.wait()


def _kill(pid: int) -> None:
    """With all that it started: workers of Ansible are sessions of their own."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGSTOP)  # it starts no more of them while they are looked up
    for one in _tree(pid):
        with contextlib.suppress(ProcessLookupError):
            os.kill(one, signal.SIGKILL)


@contextlib.contextmanager
def _ended_after(process: subprocess.Popen[bytes], seconds: float | None) -> Iterator[threading.Event]:
    """The event says that its time was up."""
    cut = threading.Event()

    def end() -> None:
        cut.set()
        _kill(process.pid)

    timer = None if seconds is None else threading.Timer(seconds, end)
    if timer is not None:
        timer.start()
    try:
        yield cut
    finally:
        if timer is not None:
            timer.cancel()
            timer.join()  # it kills no number that another process has by now


class _reading:  # noqa: N801 - used as a verb
    """Reads what the command says, so that it never waits for a reader; the last of it is kept."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout is not None
        self._pipe = process.stdout
        self._tail = b""
        self._thread = threading.Thread(target=self._read, daemon=True)

    def _read(self) -> None:
        while piece := os.read(self._pipe.fileno(), 65536):
            self._tail = (self._tail + piece)[-4000:]

    def __enter__(self) -> Callable[[], str]:
        self._thread.start()
        return lambda: self._tail.decode(errors="replace")

    def __exit__(self, *_: object) -> None:
        self._thread.join(timeout=5)
        self._pipe.close()


class _memory_of:  # noqa: N801 - used as a preposition
    """The largest sum of the high-water marks of the processes that live at one moment, and the most open files."""

    def __init__(self, pid: int, servers: Collection[int], *, files: bool) -> None:
        self._pid, self._servers, self._count = pid, servers, files
        self._peak = self._files = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def _watch(self) -> None:
        while True:
            began = time.perf_counter()
            tree = _tree(self._pid)
            self._peak = max(self._peak, sum(map(_high_water, (*tree, *self._servers))))
            if self._count:
                self._files = max(self._files, *map(_open_files, tree))
            spent = time.perf_counter() - began
            if self._over.wait(max(_SAMPLE_SECONDS, spent * (_SHARE - 1))):
                return

    def __enter__(self) -> Callable[[], tuple[int, int]]:
        self._thread.start()
        return lambda: (self._peak, self._files)

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()


def _tree(pid: int) -> list[int]:
    """The process and its descendants."""
    found = [pid]
    for one in found:
        with contextlib.suppress(OSError):  # it may have ended
            for listing in list(Path(f"/proc/{one}/task").glob("*/children")):
                with contextlib.suppress(OSError):
                    found += map(int, listing.read_text().split())
    return found


def _high_water(pid: int) -> int:
    """Bytes; 0 for a process that has ended."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) << 10
    return 0


def _open_files(pid: int) -> int:
    """0 for a process that has ended."""
    with contextlib.suppress(OSError):
        return sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())
    return 0


def _cpu_seconds(pid: int) -> float:
    """User and system time so far, of all its threads and of its children that have ended."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / _TICKS
