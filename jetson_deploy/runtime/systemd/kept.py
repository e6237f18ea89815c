"""The programs that instances run, each in a directory of its own by its digest: what an image is to Docker.

An Ollama that is installed is kept by hard links, so that its next upgrade leaves what serves as it was proven; an
archive's files are unpacked there. A directory is whole or not there: it is renamed into place.
"""

from __future__ import annotations

import hashlib
import os
import platform
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from jetson_deploy.errors import IntegrityError, PreflightError
from jetson_deploy.facts import NativeServer
from jetson_deploy.names import NATIVE, shown
from jetson_deploy.runtime.port import PulledImage
from jetson_deploy.store.whole_file import read_bounded, write_new

PROGRAM = "bin/ollama"
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_ABOUT = "about.json"
_UNFINISHED = ".unfinished"
_MOST_BYTES = 64 << 10
_PART_BYTES = 1 << 20


class About(msgspec.Struct, frozen=True, kw_only=True):
    digest: str
    """`sha256:…` of the file that it came from: the installed program, or the archive."""
    program_digest: str
    """Of bin/ollama."""
    version: str
    source: str
    size_bytes: int

    @property
    def reference(self) -> str:
        return reference(self.version, self.digest)


def reference(version: str, digest: str) -> str:
    return f"{NATIVE}:{version}@{digest}"


def digest_of(image: str) -> str:
    return image.partition("@")[2]


class Kept:
    """Those below one directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def all(self) -> Iterator[About]:
        """None where there is no such directory, or this user may not look into it."""
        try:
            paths = sorted(self.directory.iterdir())
        except OSError:
            return
        for path in paths:
            if (found := self._about(path)) is not None:
                yield found

    def find(self, digest: str) -> About | None:
        return self._about(self.path(digest)) if _DIGEST.fullmatch(digest) else None

    def path(self, digest: str) -> Path:
        """What is removed is named by it: a text that is no digest names nothing. Raises PreflightError."""
        if not _DIGEST.fullmatch(digest):
            raise PreflightError(
                f"{shown(digest)} is no digest of a program of this host", hint="run up again", code="image-missing"
            )
        return self.directory / digest.removeprefix("sha256:")

    def program(self, digest: str) -> Path:
        return self.path(digest) / PROGRAM

    def checked(self, image: str) -> About:
        """Raises PreflightError `image-missing`, IntegrityError: its program is another than the one that was kept."""
        found = self.find(digest_of(image))
        if found is None:
            raise PreflightError(f"{image} is not on this host", hint="run up again", code="image-missing")
        if hashed(self.program(found.digest)) != found.program_digest:
            raise IntegrityError(
                f"{self.program(found.digest)} was changed since it was kept",
                hint=f"remove {self.path(found.digest)} and run up again",
                code="native-program-changed",
            )
        return found

    def add(self, about: Callable[[Path], About], digest: str) -> About:
        """`about` fills an empty directory and says what it then holds. Raises what that raises."""
        final = self.path(digest)
        new = final.with_name(final.name + _UNFINISHED)
        self._remove(new)
        new.mkdir(parents=True, mode=0o755)
        try:
            found = about(new)
            write_new(new / _ABOUT, msgspec.json.encode(found))
            self._remove(final)
            new.rename(final)
        finally:
            self._remove(new)
        return found

    def remove(self, digest: str) -> None:
        """It is none from the first moment on: what it is about goes first."""
        (self.path(digest) / _ABOUT).unlink(missing_ok=True)
        self._remove(self.path(digest))

    def _about(self, path: Path) -> About | None:
        try:
            found = msgspec.json.decode(read_bounded(path / _ABOUT, _MOST_BYTES) or b"", type=About)
        except (OSError, msgspec.MsgspecError):
            return None
        return found if _DIGEST.fullmatch(found.digest) and path == self.path(found.digest) else None

    def _remove(self, path: Path) -> None:
        """Of a directory right below ours, and of nothing else."""
        if path.parent == self.directory and path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)


def as_image(found: About) -> PulledImage:
    return PulledImage(
        id=found.digest,
        digest=found.digest,
        references=(f"{NATIVE}@{found.digest}", f"{NATIVE}:{found.version}"),
        architecture={"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine()),
        size_bytes=found.size_bytes,
    )


def as_server(found: About, *, kept: bool) -> NativeServer:
    return NativeServer(
        reference=found.reference,
        digest=found.digest,
        version=found.version,
        source=found.source,
        size_bytes=found.size_bytes,
        kept=kept,
    )


def hashed(path: Path) -> str:
    known = hashlib.sha256()
    with path.open("rb") as file:
        while part := file.read(_PART_BYTES):
            known.update(part)
    return f"sha256:{known.hexdigest()}"


def tree_size(directory: Path) -> int:
    """Of its files; a link counts nothing."""
    found = (Path(folder, name) for folder, _, names in os.walk(directory) for name in names)
    return sum(path.lstat().st_size for path in found if not path.is_symlink())
