"""A terminal of our own with a live view in it."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
FIRST, LEFT = b"\x1b[?1049h", b"\x1b[?1049l"
"""Into the terminal's second screen, and back."""
PAINTED = re.compile(rb"\x1b\[[0-9;]*m")


class Terminal:
    def __init__(self, process: subprocess.Popen[bytes], ours: int, its: int) -> None:
        self.process, self._ours, self._its = process, ours, its
        self.before = termios.tcgetattr(its)
        self.shown = b""

    @property
    def settings(self) -> list[Any]:
        return termios.tcgetattr(self._its)

    def hang_up(self) -> None:
        """The terminal is gone, for example with its connection."""
        for end in ("_ours", "_its"):
            os.close(getattr(self, end))
            setattr(self, end, os.open(os.devnull, os.O_RDWR))

    def type(self, keys: str) -> None:
        os.write(self._ours, keys.encode())

    def resize(self, rows: int, columns: int) -> None:
        fcntl.ioctl(self._its, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def until(self, words: bytes, seconds: float = 20.0) -> bytes:
        """What was shown until these words came; forgets it."""
        end = time.monotonic() + seconds
        while words not in self.shown:
            left = end - time.monotonic()
            if left <= 0:
                raise AssertionError(f"{words!r} did not come: {self.shown[-2000:]!r}")
            if select.select([self._ours], [], [], left)[0]:
                self.shown += os.read(self._ours, 65536)
        seen, _, self.shown = self.shown.partition(words)
        return seen + words

    def ended(self, seconds: float = 20.0) -> int:
        """Its exit code. What it still shows is read, or it could not end."""
        end = time.monotonic() + seconds
        while self.process.poll() is None and time.monotonic() < end:
            if select.select([self._ours], [], [], 0.02)[0]:
                self.shown += os.read(self._ours, 65536)
        while select.select([self._ours], [], [], 0)[0]:
            self.shown += os.read(self._ours, 65536)
        return self.process.wait(1)


@contextlib.contextmanager
def terminal(
    last: int = 10_000,
    rows: int = 24,
    columns: int = 80,
    *,
    shell: bool = False,
    verb: Sequence[str] = (),
    **environ: str,
) -> Iterator[Terminal]:
    """The view over fixed samples, broken after the `last`, or a `verb` of the product; `shell`: as a job of one."""
    ours, its = pty.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    path = os.pathsep.join([str(HERE), str(HERE.parent.parent)])
    env = {"PATH": "/usr/bin:/bin", "TERM": "xterm-256color", "LANG": "C.UTF-8", "PYTHONPATH": path, **environ}
    view = [str(HERE / "watched_terminal.py"), str(last)]
    view = ["-m", "jetson_deploy", *verb] if verb else view
    command = [sys.executable, *([str(HERE / "one_job_shell.py")] if shell else []), *view]
    with subprocess.Popen(
        command, stdin=its, stdout=its, stderr=subprocess.PIPE, env=env, start_new_session=True, preexec_fn=_controlled
    ) as process:
        here = Terminal(process, ours, its)
        try:
            yield here
        finally:
            if process.poll() is None:
                process.kill()
            process.wait()
            for one in (here._ours, here._its):
                os.close(one)


def _controlled() -> None:
    """The terminal sends Ctrl-C and Ctrl-Z to it."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    os.tcsetpgrp(0, os.getpgrp())
