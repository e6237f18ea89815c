"""Runs one command of the tool in its unit, on the device, called as its own `--unit DIR -- up …`.

Keeps its events and its result in DIR. A request to stop goes on to the command, which undoes what it began.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

import msgspec

from jetson_deploy.fleet.job.event_file import LINE_BYTES, EventFile, since_boot
from jetson_deploy.fleet.job.folder import (
    BEFORE,
    EVENTS,
    HEARTBEAT_SECONDS,
    REQUEST,
    RESULT,
    STDERR,
    WANTED,
    Before,
    JobResult,
    Wanted,
)
from jetson_deploy.interrupts import INTERRUPTIONS

KEPT = 5
"""Folders of units that ended, whole."""
RESULTS_KEPT = 100
"""Of older ones how they began and ended: a rollout that is taken up again late must not begin a second time there."""
_LAST_LINES_SECONDS = 5.0
"""For what is still in the pipe when the command is gone."""
_MOST_LINE = 1 << 20
_WAITED_FOR = (*INTERRUPTIONS, signal.SIGCHLD)
_INIT = 1
"""A unit that is stopped has the request sent to each of its processes: the command has it already."""


def main(arguments: list[str] | None = None) -> NoReturn:
    _, folder, _, *command = sys.argv[1:] if arguments is None else arguments
    run_job(Path(folder), [sys.executable, "-m", "jetson_deploy", *command, "--events"])
    sys.exit(0)


def run_job(
    folder: Path,
    command: Sequence[str],
    *,
    before: Callable[[Wanted], Before] | None = None,
    heartbeat: float = HEARTBEAT_SECONDS,
) -> JobResult | None:
    """To its end. None: it ended before, and is not run again."""
    if (folder / RESULT).exists():
        return None
    wanted = msgspec.json.decode((folder / WANTED).read_bytes(), type=Wanted)
    if wanted.settings is not None:
        _write(folder / REQUEST, msgspec.json.encode(wanted.settings))
    os.environ.update(wanted.environment)
    _write(folder / BEFORE, msgspec.json.encode((before or deployed_before)(wanted)))
    events = EventFile(folder / EVENTS)
    result = _Run(command, events, heartbeat).result()
    _write(folder / RESULT, msgspec.json.encode(result))
    events.end(result)
    events.close()
    _prune(folder)
    return result


def deployed_before(wanted: Wanted) -> Before:
    """By the device's own record."""
    from jetson_deploy.errors import JetsonDeployError
    from jetson_deploy.settings import Settings
    from jetson_deploy.state.directory import StateDirectory

    try:
        state = StateDirectory(Settings.from_environment().state_dir, wanted.name).load()
    except JetsonDeployError as error:
        return Before(problem=error.message)
    current = state.revision(state.current) if state else None
    return Before(revision=current.number, container=current.container) if current else Before()


class _Run:
    """Signals are waited for, and not handled: then it is known who sent one."""

    def __init__(self, command: Sequence[str], events: EventFile, heartbeat: float) -> None:
        self._events, self._beat = events, heartbeat
        self._started = since_boot()
        self._finished: dict[str, Any] | None = None
        self._stopped = False
        events.heartbeat()
        signal.pthread_sigmask(signal.SIG_BLOCK, _WAITED_FOR)
        self._child = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, preexec_fn=_let_signals_through
        )

    def result(self) -> JobResult:
        reader = threading.Thread(target=self._read, daemon=True)
        reader.start()
        while self._child.poll() is None:
            came = signal.sigtimedwait(_WAITED_FOR, self._beat)
            if came is None:
                self._vouch()
            elif came.si_signo != signal.SIGCHLD:
                self._stop(came.si_pid)
        reader.join(_LAST_LINES_SECONDS)
        code = self._child.returncode
        return JobResult(
            exit_code=code if code >= 0 else 128 - code,
            finished=self._finished,
            last=self._events.last,
            boot=self._events.boot,
            seconds=round(since_boot() - self._started, 3),
            stopped=self._stopped,
            fetched=self._events.fetching.measured,
        )

    def _vouch(self) -> None:
        """That the command works on: none for one that a signal has stopped."""
        if not _stands_still(self._child.pid):
            self._events.heartbeat()

    def _stop(self, sender: int) -> None:
        """Once: a second request could come between the first one and the undoing."""
        if not self._stopped and sender != _INIT:
            self._child.terminate()
        self._stopped = True

    def _read(self) -> None:
        while self._child.stdout is not None and (line := self._child.stdout.readline(_MOST_LINE)):
            self._take(line.strip())

    def _take(self, line: bytes) -> None:
        if line.startswith(b'{"event":"finished"'):
            with contextlib.suppress(msgspec.MsgspecError, UnicodeDecodeError):
                self._finished = msgspec.json.decode(line, type=dict[str, Any])
                if len(line) > LINE_BYTES:
                    self._finished.pop("document", None)
        self._events.event(line)


def _stands_still(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (OSError, IndexError):
        return False
    return state in "Tt"


def _let_signals_through() -> None:
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _WAITED_FOR)


def _write(path: Path, content: bytes) -> None:
    """Appears whole, for its owner alone, and is on the disk then."""
    part = path.with_name(f"{path.name}.part")
    part.unlink(missing_ok=True)
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def _prune(folder: Path) -> None:
    """Of the units that ended, the last are kept: by name, which begins with the controller's time, not by a clock."""
    ended = sorted(path.parent for path in folder.parent.glob(f"*/{RESULT}"))
    others = [path for path in ended if path != folder]
    for old in others[: max(0, len(ended) - RESULTS_KEPT)]:
        shutil.rmtree(old, ignore_errors=True)
    for old in others[: max(0, len(ended) - KEPT)]:
        for name in (WANTED, REQUEST, EVENTS, STDERR):
            with contextlib.suppress(OSError):
                (old / name).unlink()
