"""The host that is prepared: files below a root, and the commands that are run on it."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from jetson_deploy.detect.host import Host
from jetson_deploy.errors import PreflightError
from jetson_deploy.facts import EngineFacts

COMMAND_SECONDS = 300
SHIPPED_UNITS = ("lib/systemd/system", "usr/lib/systemd/system")
UNIT_FOLDERS = ("etc/systemd/system", *SHIPPED_UNITS)
"""Where systemd finds a unit, what counts more first."""
_SAID = 200
_AS_ROOT = "run with sudo"


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    code: int
    """127: there is no such program."""
    text: str = ""
    """Both streams."""

    def last_line(self, otherwise: str) -> str:
        """`otherwise`: where it said nothing."""
        return (self.text.strip().splitlines() or [otherwise])[-1][:_SAID]

    def first_line(self, otherwise: str) -> str:
        return (self.text.strip().splitlines() or [otherwise])[0][:_SAID]


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    root: Path
    """`/`, or a copy of a board in tests."""
    run: Callable[[Sequence[str]], Answer]
    engine: Callable[[], EngineFacts | None]
    """As it answers now."""

    @property
    def host(self) -> Host:
        return Host(self.root)

    def place(self, path: str) -> Path:
        """Where the file is once links are followed; what links point to is what is changed."""
        return self.root / (self.host.real(path) or path)

    def own(self, path: str) -> Path:
        """The name itself, with only the directories' links followed."""
        folder, _, name = path.rpartition("/")
        return self.place(folder) / name if folder else self.root / name

    def at_length(self, *argv: str) -> None:
        """As `must`, of a command that may take hours; it ends with this process, also where that is killed."""
        self.must("setpriv", "--pdeathsig", "KILL", "--", *argv)

    def must(self, *argv: str, hint: str = "", unless_missing: bool = False) -> str:
        """Raises PreflightError `command-failed` with the command's last line."""
        answer = self.run(argv)
        if answer.code == 127 and unless_missing:
            return ""
        if answer.code == 127:
            hint = f"is it installed? command -v {argv[0]}"
        if answer.code != 0:
            # systemctl ends with where to look.
            line = answer.first_line if argv[0] == "systemctl" else answer.last_line
            said = line(f"it ended with {answer.code}")
            raise PreflightError(f"{' '.join(argv)}: {said}", hint=hint or _why(argv), code="command-failed")
        return answer.text


def _why(argv: Sequence[str]) -> str:
    return f"why: systemctl status {argv[-1]}; journalctl -u {argv[-1]} -n 20" if argv[0] == "systemctl" else _AS_ROOT


def run_here(argv: Sequence[str]) -> Answer:
    """Without a terminal: a question that a program asks is answered with the end of its input."""
    try:
        done = subprocess.run(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=None if argv[0] == "setpriv" else COMMAND_SECONDS,
            text=True,
            errors="replace",
            check=False,
        )
    except OSError as error:
        return Answer(code=127, text=f"{argv[0]}: {error.strerror}")
    except subprocess.TimeoutExpired:
        return Answer(code=124, text=f"no end within {COMMAND_SECONDS} s")
    return Answer(code=done.returncode, text=done.stdout)
