"""The only reader of files in `detect/`: everything under one root, bounded, and never outside of it."""

# Paths are text here: links are followed part by part, and pathlib costs several times as much.
# ruff: noqa: PTH100, PTH112, PTH114, PTH115, PTH116, PTH118, PTH120, PTH208

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

READ_LIMIT = 64 * 1024
"""Bytes read of one file. The largest that we read whole, nvpmodel.conf, has about 20 KiB."""
_LINK_LIMIT = 40
"""Symlinks followed in one path, as in Linux (MAXSYMLINKS)."""
_ABSENT = (errno.ENOENT, errno.ENOTDIR, errno.ESRCH)
"""ESRCH: a process ended while its /proc entry was read."""


class Host:
    """A live host (`/`) or a captured board below a directory.

    Paths are given relative to the root (`etc/nv_tegra_release`). Nothing here raises for what it finds:
    an answer that cannot be had is None, and `notes` says why unless the file is simply absent.
    """

    def __init__(self, root: Path) -> None:
        self.root = Path(os.path.abspath(root))
        self.captured = os.path.realpath(self.root) != "/"
        self.notes: list[str] = []

    def read_bytes(self, path: str, *, limit: int = READ_LIMIT, quiet: bool = False) -> bytes | None:
        """At most `limit` bytes from the file's start."""
        try:
            data = _read_regular(self._named(path), limit, follow=not self.captured)
        except (OSError, ValueError) as error:
            self._note(path, error, quiet)
            return None
        if len(data) > limit:
            self.notes.append(f"/{path} is larger than {limit // 1024} KiB: only its start was read")
        return data[:limit]

    def read_text(self, path: str, *, limit: int = READ_LIMIT, quiet: bool = False) -> str | None:
        data = self.read_bytes(path, limit=limit, quiet=quiet)
        return None if data is None else data.decode("utf-8", errors="replace")

    def read_word(self, path: str) -> str | None:
        """A one-value file of /proc or /sys, without the white space around it."""
        text = self.read_text(path, quiet=True)
        return text.strip() if text else None

    def names(self, path: str) -> list[str]:
        """Names in a directory, sorted; empty when there is none."""
        try:
            return sorted(os.listdir(self._named(path)))
        except (OSError, ValueError):
            return []

    def exists(self, path: str) -> bool:
        return self._mode(path) is not None

    def is_there_unread(self, path: str) -> bool:
        """Something that is no regular file: a directory, a device, a socket."""
        mode = self._mode(path)
        return mode is not None and not stat.S_ISREG(mode)

    def is_absent(self, path: str) -> bool:
        """Nothing is there, for certain: not merely hidden from us."""
        try:
            os.stat(self._named(path))
        except OSError as error:
            return error.errno in _ABSENT
        except ValueError:
            return False
        return False

    def is_directory(self, path: str) -> bool:
        mode = self._mode(path)
        return mode is not None and stat.S_ISDIR(mode)

    def link(self, path: str) -> str | None:
        """What a symlink says, unresolved; None when it is none."""
        parent, _, name = path.rpartition("/")
        try:
            return os.readlink(os.path.join(self._locate(parent), name))
        except (OSError, ValueError):
            return None

    def real(self, path: str) -> str | None:
        """The path below the root that is left once every symlink is followed, as `sys/devices/…`."""
        try:
            return os.path.relpath(self._locate(path), self.root if self.captured else "/")
        except (OSError, ValueError):
            return None

    def space(self, directory: str) -> tuple[int, int] | None:
        """Bytes in all and free to us, asked of the filesystem itself. For a live host only."""
        try:
            answer = os.statvfs(self._locate(directory))
        except (OSError, ValueError):
            return None
        return answer.f_blocks * answer.f_frsize, answer.f_bavail * answer.f_frsize

    def writable(self, directory: str) -> bool | None:
        """Could we write in it, or create it? The nearest parent that exists answers."""
        location = self._locate(directory)
        while not os.path.isdir(location):
            location = os.path.dirname(location)
        return os.access(location, os.W_OK | os.X_OK)

    def _mode(self, path: str) -> int | None:
        try:
            return os.stat(self._named(path)).st_mode
        except (OSError, ValueError):
            return None

    def _named(self, path: str) -> str:
        """For a call that follows links itself: on a live host the kernel does it, in one call."""
        return _resolve_below(str(self.root), path) if self.captured else "/" + path

    def _locate(self, path: str) -> str:
        """The path on this machine. In a captured root an absolute link starts at that root again."""
        if not self.captured:
            return os.path.realpath("/" + path)
        return _resolve_below(str(self.root), path)

    def _note(self, path: str, error: Exception, quiet: bool) -> None:
        if quiet or (isinstance(error, OSError) and error.errno in _ABSENT):
            return
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        self.notes.append(f"/{path} cannot be read: {reason}")


def _resolve_below(root: str, path: str) -> str:
    """Follow links by hand, so that neither `/abs` targets nor `..` leave the root."""
    pending = [part for part in reversed(path.split("/")) if part]
    done: list[str] = []
    followed = 0
    while pending:
        part = pending.pop()
        if part == ".":
            continue
        if part == "..":
            del done[-1:]
            continue
        here = os.path.join(root, *done, part)
        if not os.path.islink(here):
            done.append(part)
            continue
        followed += 1
        if followed > _LINK_LIMIT:
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
        target = os.readlink(here)
        if target.startswith("/"):
            done.clear()
        pending.extend(piece for piece in reversed(target.split("/")) if piece)
    return os.path.join(root, *done)


def _read_regular(location: str, limit: int, *, follow: bool) -> bytes:
    """Up to limit + 1 bytes. O_NONBLOCK: opening a FIFO must not wait for a writer.

    Of a captured root the links were followed below it, and one that appears since is not.
    """
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | (0 if follow else os.O_NOFOLLOW)
    descriptor = os.open(location, flags)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise ValueError("not a regular file")
        return _read_up_to(descriptor, limit + 1)
    finally:
        os.close(descriptor)


def _read_up_to(descriptor: int, limit: int) -> bytes:
    chunks = []
    while limit > 0 and (chunk := os.read(descriptor, limit)):
        chunks.append(chunk)
        limit -= len(chunk)
    return b"".join(chunks)
