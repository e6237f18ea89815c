"""An Ollama in a file: upstream's `ollama-linux-….tgz` or `….tar.zst`. The plan names its digest.

Only what such an archive holds is taken: files, directories and links below `bin/` and `lib/`, none leading out.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import posixpath
import shutil
import subprocess
import tarfile
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, cast

from jetson_deploy.errors import IntegrityError, InterruptedRunError, PreflightError, ResourceError
from jetson_deploy.events import Progress, Reporter
from jetson_deploy.runtime.systemd.installed import version_of
from jetson_deploy.runtime.systemd.kept import PROGRAM, About, hashed, tree_size
from jetson_deploy.units import size_text

_ZSTD = b"\x28\xb5\x2f\xfd"
_GZIP = b"\x1f\x8b"
_TOPS = ("bin", "lib")
_MOST_MEMBERS = 10_000
MARGIN_BYTES = 512 << 20
"""That stays free of the disk."""


def about_archive(file: Path) -> About:
    """Raises PreflightError `native-archive-unusable`: it cannot be read, or holds no Ollama for this machine."""
    try:
        digest, size = hashed(file), file.stat().st_size
        with tempfile.TemporaryDirectory() as folder:
            unpack(file, Path(folder), only=PROGRAM)
            program = Path(folder) / PROGRAM
            return About(
                digest=digest,
                program_digest=hashed(program),
                version=version_of(program),
                source=str(file),
                size_bytes=size,
            )
    except OSError as error:
        raise unusable(file, error.strerror or str(error)) from error


def keep_archive(file: Path, digest: str, into: Path, report: Reporter, stop: threading.Event) -> About:
    """Unpacked into `into`. Raises IntegrityError: the file is another than the one that was planned with."""
    known = hashlib.sha256()
    total = file.stat().st_size

    def seen(part: bytes, done: int) -> None:
        if stop.is_set():
            raise InterruptedRunError(
                "interrupted while unpacking", hint="run the same command again", code="interrupted"
            )
        known.update(part)
        report(Progress(item=file.name, done_bytes=done, total_bytes=total, phase="unpacking"))

    try:
        unpack(file, into, seen=seen)
    except OSError as error:
        raise unusable(file, error.strerror or str(error)) from error
    if f"sha256:{known.hexdigest()}" != digest:
        raise IntegrityError(
            f"{file} is not the file that was planned with ({digest})",
            hint="run up again: it is read anew",
            code="native-archive-changed",
        )
    program = into / PROGRAM
    return About(
        digest=digest,
        program_digest=hashed(program),
        version=version_of(program),
        source=str(file),
        size_bytes=tree_size(into),
    )


def unpack(file: Path, into: Path, *, only: str = "", seen: Callable[[bytes, int], None] | None = None) -> None:
    """`only`: that file alone. Raises OSError, PreflightError `native-archive-unusable`, ResourceError."""
    with file.open("rb") as raw:
        head = raw.read(4)
        raw.seek(0)
        source = _Read(raw, seen)
        if not head.startswith((_GZIP, _ZSTD)):
            raise unusable(file, "it is neither a .tgz nor a .tar.zst")
        try:
            with _plain(source, head) as plain, tarfile.open(fileobj=plain, mode="r|*") as tar:
                _take(file, tar, into, only)
            if not only:
                source.drain()
        except (tarfile.TarError, EOFError, ValueError) as error:
            raise unusable(file, str(error)) from error
    if not (into / PROGRAM).is_file():
        raise unusable(file, f"it holds no {PROGRAM}")


class _Read:
    """A file whose bytes are seen as they are read."""

    def __init__(self, raw: BinaryIO, seen: Callable[[bytes, int], None] | None) -> None:
        self._raw, self._seen, self._done = raw, seen, 0

    def read(self, size: int = -1) -> bytes:
        part = self._raw.read(size)
        self._done += len(part)
        if self._seen is not None and part:
            self._seen(part, self._done)
        return part

    def drain(self) -> None:
        while self.read(1 << 20):
            pass


@contextlib.contextmanager
def _plain(source: _Read, head: bytes) -> Iterator[BinaryIO]:
    """What tarfile reads: gzip it knows itself, zstd is another program's."""
    if head.startswith(_GZIP):
        yield cast("BinaryIO", source)
        return
    program = shutil.which("zstd")
    if program is None:
        raise PreflightError(
            "the archive is packed with zstd, which is not installed",
            hint="sudo apt-get install -y zstd",
            code="native-archive-unusable",
        )
    stopped: list[InterruptedRunError] = []
    with subprocess.Popen([program, "-dcq"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as done:
        feeder = threading.Thread(target=_feed, args=(source, done.stdin, stopped), daemon=True)
        feeder.start()
        try:
            yield cast("BinaryIO", done.stdout)
        finally:
            done.kill()
            feeder.join()
            if stopped:
                raise stopped[0]


def _feed(source: _Read, sink: BinaryIO, stopped: list[InterruptedRunError]) -> None:
    """What the reader never asked for is not written: it has ended, and its pipe is closed."""
    with contextlib.suppress(OSError), sink:
        try:
            while part := source.read(1 << 20):
                sink.write(part)
        except InterruptedRunError as error:
            stopped.append(error)


def _take(file: Path, tar: tarfile.TarFile, into: Path, only: str) -> None:
    left = shutil.disk_usage(into).free - MARGIN_BYTES
    for number, member in enumerate(tar):
        name = posixpath.normpath(member.name)
        if number >= _MOST_MEMBERS:
            raise unusable(file, f"it holds more than {_MOST_MEMBERS} files")
        if only and name != only:
            continue
        if name == ".":
            continue
        if name.startswith(("/", "../")) or name.split("/")[0] not in _TOPS or not _inside(member, name):
            raise unusable(file, f"it holds {member.name!r}, which no archive of Ollama does")
        left -= member.size
        if left < 0:
            raise ResourceError(
                f"no room for {file.name} below {into}: {size_text(-left)} more are needed",
                hint="free some, then run up again",
                code="disk-full",
            )
        _write(tar, member, into / name, into)
        if only:
            return


def _inside(member: tarfile.TarInfo, name: str) -> bool:
    if member.isreg() or member.isdir():
        return True
    if not member.issym():
        return False
    target = posixpath.normpath(posixpath.join(posixpath.dirname(name), member.linkname))
    return not member.linkname.startswith("/") and target.split("/")[0] in _TOPS


def _write(tar: tarfile.TarFile, member: tarfile.TarInfo, path: Path, into: Path) -> None:
    if not path.parent.resolve().is_relative_to(into.resolve()):
        raise tarfile.TarError(f"{member.name!r} lies behind a link that leads out")
    if member.isdir():
        path.mkdir(parents=True, exist_ok=True)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    if member.issym():
        path.symlink_to(member.linkname)
        return
    content = tar.extractfile(member)
    if content is None:
        raise tarfile.TarError(f"{member.name!r} cannot be read")
    with path.open("xb") as target:
        shutil.copyfileobj(content, target)
        target.flush()
        os.fsync(target.fileno())
    path.chmod(0o755 if member.mode & 0o111 else 0o644)


def unusable(file: Path | str, why: str) -> PreflightError:
    return PreflightError(
        f"{file} cannot be installed: {why}",
        hint="give upstream's ollama-linux-arm64.tgz, as its releases have it",
        code="native-archive-unusable",
    )
