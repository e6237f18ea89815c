"""A file that is written: whole, or a member of its JSON, or a line; and put back byte for byte."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path

import msgspec

from jetson_deploy.digest import sha256_hex
from jetson_deploy.errors import InternalError, PreflightError
from jetson_deploy.prepare.change import Change, Originals, Standing
from jetson_deploy.prepare.json_text import BadJson, meaning, member, with_member, without_member
from jetson_deploy.prepare.machine import Machine
from jetson_deploy.prepare.placing import Kept, put, read_file, refusal, write_beside
from jetson_deploy.store.layout import sync_directory

THE_FILE = "@FILE@"
"""In `checked_by`: where the new content lies when it is checked."""


class JsonEdit(msgspec.Struct, frozen=True, kw_only=True, tag_field="edit", tag="json"):
    keys: tuple[str, ...]
    value: str
    """As JSON text."""
    was: str | None
    """None: there was none."""

    def out_of(self, text: str) -> str | None:
        """The text without this edit; None: it is not in it any more. Raises BadJson."""
        meaning(text)
        now = member(text, self.keys)
        if now is None or _digits(now) != _digits(self.value):
            return None
        return without_member(text, self.keys) if self.was is None else with_member(text, self.keys, self.was)


def _digits(value: str) -> object:
    """Numbers by their digits: one without end is no int."""
    return json.loads(value, parse_int=str, parse_float=str)


class LineEdit(msgspec.Struct, frozen=True, kw_only=True, tag_field="edit", tag="line"):
    line: str
    was: str = ""
    """What stood in its place, with its end of line."""

    def out_of(self, text: str) -> str | None:
        lines = text.splitlines(keepends=True)
        ours = [number for number, one in enumerate(lines) if one.rstrip("\r\n") == self.line]
        if not ours:
            return None
        lines[ours[-1]] = self.was
        return "".join(lines)


class WriteFile(Change, frozen=True, kw_only=True, tag="write-file"):
    path: str
    """Below the root, links followed."""
    why: str
    content: str
    before: Kept | None
    """None: there was no file."""
    edits: tuple[JsonEdit | LineEdit, ...] = ()
    """Empty: the whole file is ours."""
    made: tuple[str, ...] = ()
    """Directories that are made for it, the outer ones first."""
    checked_by: tuple[str, ...] = ()
    """A program that reads it before it counts; one that is not there, or knows no such check, is no objection."""

    @property
    def text(self) -> str:
        return f"/{self.path}: {self.why}"

    def standing(self, machine: Machine) -> Standing:
        content = read_file(machine.root / self.path)
        if content is None:
            return "before" if self.before is None else "other"
        if content == self.content.encode():
            return "after"
        return "before" if self.before is not None and sha256_hex(content) == self.before.digest else "other"

    def apply(self, machine: Machine) -> None:
        path, standing = machine.root / self.path, self.standing(machine)
        if standing == "after":
            return
        if standing == "other":
            raise refusal(path, "was changed by another program meanwhile", "run prepare again")
        for one in self.made:
            (machine.root / one).mkdir(exist_ok=True, mode=0o755)
            sync_directory((machine.root / one).parent)
        self._check(machine, path)
        put(path, self.content.encode(), self.before)

    def revert(self, machine: Machine, originals: Originals) -> None:
        path, standing = machine.root / self.path, self.standing(machine)
        if standing == "after":
            self._put_back(path, originals)
        elif standing == "other":
            self._take_out(path, originals)
        if self.before is None and not path.exists():
            for one in reversed(self.made):
                with contextlib.suppress(OSError):  # another put something into it
                    (machine.root / one).rmdir()

    def _put_back(self, path: Path, originals: Originals) -> None:
        if self.before is None:
            path.unlink(missing_ok=True)
            sync_directory(path.parent)
        else:
            put(path, originals.read(self.before.digest), self.before)

    def _take_out(self, path: Path, originals: Originals) -> None:
        """Another's changes stay. Where there are none but of the layout, the original comes back."""
        if not path.exists() and self.before is None:
            return
        rest = self._without_edits(path)
        if rest is None:
            return
        original = b"" if self.before is None else originals.read(self.before.digest)
        if self._same(rest, original.decode(errors="surrogateescape")):
            self._put_back(path, originals)
        else:
            put(path, rest.encode(), _as_is(path))

    def _without_edits(self, path: Path) -> str | None:
        """None: nothing of ours is in it."""
        content = read_file(path)
        if content is None:
            hint = f"put it back, or leave it out: sudo touch {path}; then take it back again"
            raise PreflightError(f"{path} was removed since by another program", hint=hint, code="changed-since")
        if not self.edits:
            raise self._foreign(path, "was changed by another program")
        found = False
        try:
            text = content.decode()
            for edit in reversed(self.edits):
                shorter = edit.out_of(text)
                found, text = found or shorter is not None, text if shorter is None else shorter
        except (UnicodeDecodeError, BadJson) as error:
            raise self._foreign(path, f"was changed by another program: {error}") from error
        return text if found else None

    def _same(self, rest: str, original: str) -> bool:
        if rest == original:
            return True
        if not any(isinstance(edit, JsonEdit) for edit in self.edits):
            return False
        with contextlib.suppress(BadJson):
            return json.dumps(meaning(rest)) == json.dumps(meaning(original))
        return False

    def _check(self, machine: Machine, path: Path) -> None:
        """Raises PreflightError with what the program says of it."""
        if not self.checked_by:
            return
        new = write_beside(path, self.content.encode())
        try:
            answer = machine.run([str(new) if word == THE_FILE else word for word in self.checked_by])
        finally:
            new.unlink(missing_ok=True)
        if answer.code in (0, 127) or "unknown flag" in answer.text:
            return
        last = answer.last_line(f"exit {answer.code}")
        raise refusal(path, f"would not be taken by {self.checked_by[0]}: {last}", "mend what it names, and run again")

    def _foreign(self, path: Path, what: str) -> PreflightError:
        lost = "remove it by hand" if self.before is None else f"the original has SHA-256 {self.before.digest[:12]}"
        return PreflightError(
            f"{path} {what} since: it is left as it is",
            hint=f"take out by hand what prepare wrote ({self.why}), or put it back; {lost}",
            code="changed-since",
        )


def _as_is(path: Path) -> Kept:
    found = path.stat()
    return Kept(digest="", mode=found.st_mode & 0o7777, uid=found.st_uid, gid=found.st_gid)


def missing_directories(machine: Machine, path: str) -> tuple[str, ...]:
    """That would have to be made for a file at `path`."""
    return tuple(reversed(list(_missing(machine, path))))


def _missing(machine: Machine, path: str) -> Iterator[str]:
    folder = path.rpartition("/")[0]
    while folder and not (machine.root / folder).is_dir():
        if (machine.root / folder).exists():
            raise InternalError(f"/{folder} is no directory", hint="move it away", code="bug")
        yield folder
        folder = folder.rpartition("/")[0]
