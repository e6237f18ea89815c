"""What was changed on this host, so that it can be taken back: beside the deployments' states, and written as they are.

    .host/prepared.json      one entry for each step, in the envelope of a state file; replaced whole
    .host/originals/DIGEST   the bytes of the files as they were

An entry is written before its first change, and marked once its last one is done: what is found half done was
interrupted.
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Literal

import msgspec

from jetson_deploy.deployment.revisions import Actor
from jetson_deploy.digest import sha256_hex
from jetson_deploy.errors import PreflightError
from jetson_deploy.prepare.changes import AnyChange
from jetson_deploy.prepare.write_file import WriteFile
from jetson_deploy.state.sealed_file import load_sealed, writing
from jetson_deploy.state.state_file import MOST_BYTES, sealed
from jetson_deploy.store.layout import sync_directory
from jetson_deploy.store.whole_file import replace_whole, write_new

FOLDER = ".host"
"""No deployment's name begins with a dot."""
BOOK = "prepared.json"
SCHEMA = "jetson-deploy.prepared/1"

Phase = Literal["intended", "done", "undoing"]


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    step: str
    phase: Phase
    changes: tuple[AnyChange, ...]
    at: str
    """Wall clock, RFC 3339, for people only."""
    by: Actor
    boot_id: str | None = None
    takes_effect: str = ""
    """Empty: at once."""


class Prepared(msgspec.Struct, frozen=True, kw_only=True):
    entries: tuple[Entry, ...] = ()
    """In the order in which they were done."""

    def entry(self, step: str) -> Entry | None:
        return next((one for one in self.entries if one.step == step), None)

    def without(self, step: str) -> Prepared:
        return Prepared(entries=tuple(one for one in self.entries if one.step != step))


class Book:
    """Whoever writes holds the host's lock."""

    def __init__(self, state_dir: Path) -> None:
        self.folder = state_dir / FOLDER

    def load(self) -> Prepared:
        """Raises PreflightError where it cannot be used: what was changed could then not be taken back."""
        path, originals = self.folder / BOOK, self.folder / "originals"
        hint = f"the files as they were lie in {originals}; move {path} away to prepare anew"
        return load_sealed(path, Prepared, MOST_BYTES, hint) or Prepared()

    def intend(self, entry: Entry, originals: dict[str, bytes]) -> None:
        """Originals first: an entry never names one that is not there. Raises ResourceError."""
        with self._written("originals"):
            folder = self.folder / "originals"
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)  # parents get the usual mode
            folder.mkdir(exist_ok=True, mode=0o700)
            for digest, content in originals.items():
                if not (folder / digest).exists():
                    write_new(folder / f"{digest}.new", content)
                    (folder / f"{digest}.new").chmod(0o600)
                    (folder / f"{digest}.new").replace(folder / digest)
            sync_directory(folder)
        before = self.load().without(entry.step)
        self._save(Prepared(entries=(*before.entries, entry)))

    def mark(self, step: str, phase: Phase) -> None:
        entries = [
            msgspec.structs.replace(one, phase=phase) if one.step == step else one for one in self.load().entries
        ]
        self._save(Prepared(entries=tuple(entries)))

    def forget(self, step: str) -> None:
        """It is taken back; with the last one everything of ours goes."""
        known = self.load()
        gone = known.entry(step)
        rest = known.without(step)
        if gone is not None:
            rest = Prepared(entries=tuple(_rebased(one, gone) for one in rest.entries))
        self._save(rest)
        needed = {one.before.digest for entry in rest.entries for one in files(entry) if one.before is not None}
        folder = self.folder / "originals"
        with contextlib.suppress(OSError):
            for path in folder.iterdir():
                if path.name not in needed:
                    path.unlink()
        if not rest.entries:
            with self._written(BOOK):
                (self.folder / BOOK).unlink(missing_ok=True)
            for empty in (folder, self.folder):
                with contextlib.suppress(OSError):
                    empty.rmdir()

    def read(self, digest: str) -> bytes:
        path = self.folder / "originals" / digest
        try:
            content = path.read_bytes()
        except OSError as error:
            raise PreflightError(
                f"the original {path} cannot be read: {error.strerror}",
                hint="put the file back from a backup of yours",
                code="original-lost",
            ) from error
        if sha256_hex(content) != digest:
            raise PreflightError(
                f"the original {path} was altered",
                hint="put the file back from a backup of yours",
                code="original-lost",
            )
        return content

    def _save(self, prepared: Prepared) -> None:
        with self._written(BOOK):
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            replace_whole(self.folder / BOOK, sealed(SCHEMA, prepared))

    def _written(self, what: str) -> contextlib.AbstractContextManager[None]:
        return writing(self.folder / what, self.folder.parent)


def _rebased(entry: Entry, gone: Entry) -> Entry:
    """What began where the one that is gone had ended begins where that one began."""
    changes = list(entry.changes)
    for number, one in enumerate(changes):
        for other in files(gone):
            if isinstance(one, WriteFile) and one.path == other.path and _follows(one, other):
                changes[number] = msgspec.structs.replace(one, before=other.before, made=other.made or one.made)
    return msgspec.structs.replace(entry, changes=tuple(changes))


def _follows(one: WriteFile, other: WriteFile) -> bool:
    return one.before is not None and one.before.digest == sha256_hex(other.content.encode())


def files(entry: Entry) -> list[WriteFile]:
    return [one for one in entry.changes if isinstance(one, WriteFile)]
