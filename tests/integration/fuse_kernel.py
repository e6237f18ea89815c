"""The kernel's side of a FUSE filesystem in user space: requests as they come over /dev/fuse, answers as bytes.

Spoken directly (include/uapi/linux/fuse.h, protocol 7.31), because libfuse's high level renames open files that are
unlinked and hides which thread asked: both matter to a disk whose power is cut at a chosen operation.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

LARGEST_WRITE = 1 << 20
_FOREVER = 1 << 30
"""Seconds that the kernel may keep names and attributes: nobody else changes them."""
_BIG_WRITES, _MAX_PAGES = 1 << 5, 1 << 22
_IN = struct.Struct("<IIQQIIIHH")
_OUT = struct.Struct("<IiQ")
_ATTRIBUTES = struct.Struct("<QQQQQQIIIIIIIIII")
_SET = struct.Struct("<IIQQQQQQIIIIIIII")
_READ = struct.Struct("<QQIIQII")
_STATFS = struct.Struct("<QQQQQIIII6I")
_MODE, _UID, _GID, _SIZE, _MTIME, _MTIME_NOW = 1, 2, 4, 8, 32, 256

OPERATIONS = {
    1: "lookup",
    3: "getattr",
    4: "setattr",
    5: "readlink",
    6: "symlink",
    8: "mknod",
    9: "mkdir",
    10: "unlink",
    11: "rmdir",
    12: "rename",
    13: "link",
    14: "open",
    15: "read",
    16: "write",
    17: "statfs",
    18: "release",
    20: "fsync",
    26: "init",
    27: "opendir",
    28: "readdir",
    29: "releasedir",
    30: "fsyncdir",
    35: "create",
    43: "fallocate",
    45: "rename2",
}
_WITHOUT_ANSWER = {2: "forget", 36: "interrupt", 42: "batch_forget"}


@dataclass(frozen=True)
class Request:
    """One request of the kernel. `thread` is the task that made the system call."""

    operation: str
    unique: int
    node: int
    uid: int
    gid: int
    thread: int
    body: bytes

    def names(self, offset: int) -> list[str]:
        return [os.fsdecode(name) for name in self.body[offset:].split(b"\0")[:-1]]


@dataclass(frozen=True)
class Attributes:
    node: int
    size: int
    mode: int
    links: int
    uid: int
    gid: int
    mtime_ns: int

    def packed(self) -> bytes:
        seconds, rest = divmod(self.mtime_ns, 10**9)
        times = (seconds, seconds, seconds, rest, rest, rest)
        blocks = -(-self.size // 512)
        return _ATTRIBUTES.pack(
            self.node, self.size, blocks, *times, self.mode, self.links, self.uid, self.gid, 0, 4096, 0
        )


@dataclass(frozen=True)
class Changes:
    """What a setattr changes; None stays."""

    mode: int | None
    uid: int | None
    gid: int | None
    size: int | None
    mtime_ns: int | None

    @property
    def now(self) -> bool:
        return self.mtime_ns == -1


def read_changes(body: bytes) -> Changes:
    valid, _, _, size, _, _, mtime, _, _, mtime_ns, _, mode, _, uid, gid, _ = _SET.unpack_from(body)
    time = -1 if valid & _MTIME_NOW else mtime * 10**9 + mtime_ns
    return Changes(
        mode=mode if valid & _MODE else None,
        uid=uid if valid & _UID else None,
        gid=gid if valid & _GID else None,
        size=size if valid & _SIZE else None,
        mtime_ns=time if valid & _MTIME else None,
    )


def read_range(body: bytes) -> tuple[int, int]:
    """Offset and length of a read, a readdir or a write."""
    _, offset, size, *_ = _READ.unpack_from(body)
    return offset, size


def write_data(body: bytes) -> bytes:
    return body[_READ.size :]


def numbers(body: bytes, layout: str) -> tuple[int, ...]:
    return struct.unpack_from("<" + layout, body)


def entry(attributes: Attributes, seconds: int = _FOREVER) -> bytes:
    return struct.pack("<QQQQII", attributes.node, 0, seconds, seconds, 0, 0) + attributes.packed()


def attributes_answer(attributes: Attributes) -> bytes:
    return struct.pack("<QII", _FOREVER, 0, 0) + attributes.packed()


OPENED = struct.pack("<QIi", 0, 0, 0)


def written(count: int) -> bytes:
    return struct.pack("<II", count, 0)


def statfs_answer(block: int, blocks: int, free: int) -> bytes:
    return _STATFS.pack(blocks, free, free, 1 << 20, 1 << 20, block, 255, block, 0, *(0,) * 6)


def directory_page(children: list[tuple[int, str, int]], offset: int, room: int) -> bytes:
    """Entries (node, name, mode) from the `offset`-th on, as many as fit."""
    page = b""
    for index, (node, name, mode) in enumerate(children[offset:], offset + 1):
        raw = os.fsencode(name)
        item = struct.pack("<QQII", node, index, len(raw), mode >> 12) + raw
        item += b"\0" * (-len(item) % 8)
        if len(page) + len(item) > room:
            break
        page += item
    return page


class Mount:
    """A FUSE mount at `point`, answered by `answer`; an OSError of it becomes the system call's error.

    None is no answer yet: the system call waits for `reply`.
    """

    def __init__(self, point: Path, answer: Callable[[Request], bytes | None]) -> None:
        self._point, self._answer = point, answer
        self.descriptor = os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC)
        options = f"fd={self.descriptor},rootmode=40000,user_id=0,group_id=0,allow_other,default_permissions"
        _call("mount", b"jd-power-cut", bytes(point), b"fuse", ctypes.c_ulong(0), options.encode())

    def close(self) -> None:
        """The processes that still have it open see a disk that is gone."""
        _call("umount2", bytes(self._point), 2)
        os.close(self.descriptor)

    def serve_one(self) -> None:
        """Read one request and answer it."""
        try:
            raw = os.read(self.descriptor, LARGEST_WRITE + 4096 + 256)
        except OSError as error:
            # ENOENT: the request was taken back by a signal before it was read.
            if error.errno in (errno.ENOENT, errno.EINTR):
                return
            raise
        _, opcode, unique, node, uid, gid, thread, _, _ = _IN.unpack_from(raw)
        if opcode in _WITHOUT_ANSWER:
            return
        name = OPERATIONS.get(opcode, str(opcode))
        request = Request(name, unique, node, uid, gid, thread, raw[_IN.size :])
        self.reply(request, _init_answer if name == "init" else self._answer)

    def reply(self, request: Request, answer: Callable[[Request], bytes | None]) -> None:
        problem: int = 0
        body: bytes | None = b""
        try:
            body = answer(request)
        except OSError as error:
            problem = error.errno or errno.EIO
        if body is None:
            return
        try:
            os.write(self.descriptor, _OUT.pack(_OUT.size + len(body), -problem, request.unique) + body)
        except OSError as error:
            # ENOENT: who asked is dead.
            if error.errno != errno.ENOENT:
                raise


def _init_answer(request: Request) -> bytes:
    _, _, readahead, _ = numbers(request.body, "IIII")
    flags = _BIG_WRITES | _MAX_PAGES
    pages = LARGEST_WRITE // 4096
    return struct.pack("<IIIIHHIIHHI7I", 7, 31, readahead, flags, 16, 12, LARGEST_WRITE, 1, pages, 0, 0, *(0,) * 7)


def _call(function: str, *arguments: object) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if getattr(libc, function)(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{function}: {os.strerror(number)}")
