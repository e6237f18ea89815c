"""The running processes that need a file: they have it open or mapped, by whatever name, or were started for it.

A bind mount keeps device and inode, so containers are seen too. A runner of Ollama that has read its weights into
memory holds no file any more, but its command line names the blob (0.9.5: `runner --model …/sha256-… --no-mmap`).
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import msgspec

_FIRST_PID_NAMESPACE = 0xEFFFFFFC
"""Inode of the namespace in which every process of the machine is seen (include/linux/proc_ns.h)."""
_BLOB_NAME = re.compile(rb"sha256-[0-9a-f]{64}(?![0-9a-zA-Z.-])")


class FileId(NamedTuple):
    """As `stat` gives it."""

    device: int
    inode: int


class Holder(msgspec.Struct, frozen=True, kw_only=True):
    pid: int
    command: str
    is_open: bool
    """Else it is named in its command line."""

    def claim(self, what: str) -> str:
        """`ollama (pid 7) has it open`"""
        who = f"{self.command} (pid {self.pid})"
        return f"{who} has {what} open" if self.is_open else f"{who} was started with {what}"


class InUse(msgspec.Struct, frozen=True, kw_only=True):
    holders: Mapping[FileId, Holder]
    """One of the processes that need the file."""
    notes: tuple[str, ...] = ()
    """Why a holder may have been missed, one sentence each."""


def find_holders(wanted: Mapping[FileId, str], *, proc: Path = Path("/proc")) -> InUse:
    """Look into every process that we may look into; `wanted` has the file's name too. Never raises."""
    found: dict[FileId, Holder] = {}
    hidden: set[str] = set()
    by_name = {name.encode(): file for file, name in wanted.items()}
    for pid in _pids(proc):
        process = proc / pid
        looks = (_open_files(process), _mapped_files(process, wanted), _named_files(process, by_name))
        for look, files in enumerate(looks):
            try:
                for file in files:
                    if file in wanted and file not in found:
                        found[file] = Holder(pid=int(pid), command=_command(process), is_open=look < 2)
            except PermissionError:
                hidden.add(pid)
            except OSError:  # it has ended
                break
    return InUse(holders=found, notes=tuple(_notes(proc, len(hidden))))


def file_id(status: os.stat_result) -> FileId:
    return FileId(status.st_dev, status.st_ino)


def _pids(proc: Path) -> list[str]:
    try:
        return [entry.name for entry in os.scandir(proc) if entry.name.isdecimal()]
    except OSError:
        return []


def _open_files(process: Path) -> Iterator[FileId]:
    """Raises PermissionError, and OSError when the process ends meanwhile."""
    with os.scandir(process / "fd") as entries:
        for entry in entries:
            try:
                yield file_id(entry.stat())
            except FileNotFoundError:
                continue


def _mapped_files(process: Path, wanted: Collection[FileId]) -> Iterator[FileId]:
    """From lines `start-end perms offset major:minor inode path` (proc_pid_maps(5)). Raises as `_open_files`."""
    by_inode = {file.inode: file for file in wanted}
    with (process / "maps").open(encoding="utf-8", errors="surrogateescape") as lines:
        for line in lines:
            fields = line.split(None, 5)
            if len(fields) == 6 and (same_inode := by_inode.get(int(fields[4]))) is not None:
                yield _mapped(process, fields, same_inode)


def _named_files(process: Path, by_name: Mapping[bytes, FileId]) -> Iterator[FileId]:
    """Raises OSError when the process has ended."""
    for argument in (process / "cmdline").read_bytes().split(b"\0"):
        for name in _BLOB_NAME.findall(argument):
            if name in by_name and not _is_another(process, argument, name, by_name[name]):
                yield by_name[name]


def _is_another(process: Path, argument: bytes, name: bytes, file: FileId) -> bool:
    """A blob of the same name in another store, where the process's own view of the path tells."""
    if not (argument.startswith(b"/") and argument.endswith(name)):
        return False
    try:
        seen = os.stat(os.fsencode(process / "root") + argument)  # noqa: PTH116 - bytes, as the kernel gives them
    except OSError:
        return False
    return file_id(seen) != file


def _mapped(process: Path, fields: list[str], same_inode: FileId) -> FileId:
    """Of btrfs and overlays `maps` tells another device than `stat`; the link, which root may follow, tells the same.

    Where it may not be followed, the inode and a blob's name together are taken for proof enough.
    """
    start, _, end = fields[0].partition("-")
    try:
        return file_id((process / "map_files" / f"{int(start, 16):x}-{int(end, 16):x}").stat())
    except OSError:
        major, _, minor = fields[3].partition(":")
        device = os.makedev(int(major, 16), int(minor, 16))
        return same_inode if "/sha256-" in fields[5] else FileId(device, same_inode.inode)


def _command(process: Path) -> str:
    try:
        text = (process / "comm").read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return "a process"
    return ascii(text)[1:-1]


def _notes(proc: Path, hidden: int) -> Iterator[str]:
    missed = "one that has a file open may have been missed"
    if hidden:
        sudo = "" if os.geteuid() == 0 else "; sudo shows them all"
        yield f"{hidden} running process{'es' if hidden > 1 else ''} cannot be inspected: {missed}{sudo}"
    if not (proc / "1").exists():
        yield f"processes of others are hidden here: {missed}"
    elif _is_container(proc):
        yield f"only the processes of this container are seen: {missed}"


def _is_container(proc: Path) -> bool:
    try:
        return (proc / "self/ns/pid").stat().st_ino != _FIRST_PID_NAMESPACE
    except OSError:
        return False
