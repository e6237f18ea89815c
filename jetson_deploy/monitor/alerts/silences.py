"""Alerts silenced by a user for a while: shown, marked, and not sent.

One small file below the state directory, read again when another process has changed it. It counts by the wall clock,
because it must survive a restart; a clock that stands before the silence was made (a board without a battery, at 1970)
ends it, for an alert too many is better than one too few. A damaged file is no silence, and `problem` says so.
"""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from jetson_deploy.errors import PreflightError, ResourceError
from jetson_deploy.settings import Settings
from jetson_deploy.store.whole_file import read_bounded, replace_whole

EVERYTHING = "*"
LONGEST_SECONDS = 366 * 86400.0
_LARGEST = 1 << 20
_STEP_BACK = 300.0
"""Seconds by which a corrected clock may go back before a fresh silence."""


def default_path(settings: Settings) -> Path:
    return settings.state_dir / "monitor" / "silences.json"


class Silence(msgspec.Struct, frozen=True, kw_only=True):
    """Wall clock, seconds since 1970."""

    begin: float
    end: float

    def covers(self, at: float) -> bool:
        return self.begin - _STEP_BACK <= at < self.end


class _Document(msgspec.Struct, kw_only=True, tag_field="schema", tag="jetson-deploy.silences/1"):
    silences: dict[str, Silence] = {}


class Silences:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.problem: str | None = None
        """Why the file cannot be used, in a line; None: it can, or there is none."""
        self._silences: dict[str, Silence] = {}
        self._stamp: tuple[int, int, int] | None = None
        self._read = False

    def silenced(self, id_: str, at: float) -> bool:
        self._refresh()
        return any(name in (id_, EVERYTHING) and one.covers(at) for name, one in self._silences.items())

    def active(self, at: float) -> dict[str, Silence]:
        """By the alert's id, or `*`."""
        self._refresh()
        return {name: one for name, one in sorted(self._silences.items()) if one.covers(at)}

    def silence(self, id_: str, seconds: float, at: float) -> Silence:
        """From `at` on. Raises PreflightError or ResourceError when the file cannot be written."""
        self._refresh()
        made = Silence(begin=at, end=at + min(seconds, LONGEST_SECONDS))
        self._write({**self.active(at), id_: made})
        return made

    def end(self, id_: str, at: float) -> bool:
        """False: it was not silenced. Raises like `silence`."""
        active = self.active(at)
        if id_ not in active:
            return False
        self._write({name: one for name, one in active.items() if name != id_})
        return True

    def _write(self, silences: dict[str, Silence]) -> None:
        content = msgspec.json.format(msgspec.json.encode(_Document(silences=silences)), indent=2) + b"\n"
        try:
            replace_whole(self.path, content)
        except PermissionError as error:
            message = f"{self.path} cannot be written: {error.strerror}"
            raise PreflightError(message, hint="run it with sudo", code="silences-not-writable") from None
        except OSError as error:
            message = f"{self.path} cannot be written: {error.strerror or error}"
            hint = "free some space, or check the disk: sudo dmesg | tail"
            raise ResourceError(message, hint=hint, code="silences-not-writable") from None
        self._read = False
        self._refresh()

    def _refresh(self) -> None:
        """A look at the file's times for each question: it is small, and cheap."""
        stamp = self._file_stamp()
        if self._read and stamp == self._stamp:
            return
        self._read, self._stamp = True, stamp
        self._silences, self.problem = {}, None
        if stamp is None:
            return
        try:
            content = read_bounded(self.path, _LARGEST)
            self._silences = msgspec.json.decode(content or b"", type=_Document).silences
        except OSError as error:
            self.problem = f"{self.path} cannot be read: {error.strerror}; nothing is silenced"
        except (msgspec.MsgspecError, UnicodeDecodeError):
            self.problem = f"{self.path} is damaged; nothing is silenced"

    def _file_stamp(self) -> tuple[int, int, int] | None:
        try:
            found = os.stat(self.path)  # noqa: PTH116 - thrice as fast, once a second
        except OSError:
            return None
        return (found.st_ino, found.st_mtime_ns, found.st_size)
