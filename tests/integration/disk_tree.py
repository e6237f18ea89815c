"""The system calls of a filesystem, on a `Disk` in memory; and the ways in which filesystems are odd."""

from __future__ import annotations

import errno
import os
import stat

import msgspec
from fuse_kernel import (
    OPENED,
    Attributes,
    Request,
    attributes_answer,
    directory_page,
    entry,
    numbers,
    read_changes,
    read_range,
    statfs_answer,
    write_data,
    written,
)
from volatile_disk import PAGE, Disk, Node

_KEEP_SIZE = 1
_NOREPLACE = 1
_BLOCKS = 1 << 30


class Oddities(msgspec.Struct, frozen=True, kw_only=True):
    """What this filesystem cannot do, or does in its own way."""

    folds_case: bool = False
    """`A` and `a` are one name, as on FAT and exFAT."""
    forbidden: str = ""
    """Characters that no name may have."""
    largest_file: int | None = None
    """FAT32: 4 GiB - 1."""
    fallocate: bool = True
    coarse_times: bool = False
    """Times in steps of two seconds, as on FAT."""


class Tree:
    """Answers the kernel's requests. `free` blocks are what statfs tells; nothing is refused for room here."""

    def __init__(self, disk: Disk, odd: Oddities) -> None:
        self.disk, self._odd = disk, odd
        self.free = _BLOCKS

    def answer(self, request: Request) -> bytes:
        """Raises OSError, with the number that the system call is to fail with."""
        act = getattr(self, f"_{request.operation}", None)
        if act is None:
            raise _error(errno.ENOSYS)
        result = act(request)
        assert isinstance(result, bytes)
        return result

    def _node(self, request: Request) -> Node:
        return self.disk.nodes[request.node]

    def _attributes(self, node: Node) -> Attributes:
        links = 2 if node.is_directory else 1
        step = 2 * 10**9 if self._odd.coarse_times else 1
        time = node.mtime_ns // step * step
        return Attributes(node.number, node.size, node.mode, links, node.uid, node.gid, time)

    def _entry(self, node: Node) -> bytes:
        return entry(self._attributes(node), 0) if self._odd.folds_case else entry(self._attributes(node))

    def _spelled(self, directory: Node, name: str) -> str:
        """The name as the directory has it."""
        if any(character in name for character in self._odd.forbidden):
            raise _error(errno.EINVAL)
        if self._odd.folds_case and name not in directory.names:
            return next((other for other in directory.names if other.lower() == name.lower()), name)
        return name

    def _child(self, directory: Node, name: str) -> Node:
        spelled = self._spelled(directory, name)
        if spelled not in directory.names:
            raise _error(errno.ENOENT)
        return self.disk.nodes[directory.names[spelled]]

    def _lookup(self, request: Request) -> bytes:
        return self._entry(self._child(self._node(request), request.names(0)[0]))

    def _getattr(self, request: Request) -> bytes:
        return attributes_answer(self._attributes(self._node(request)))

    def _setattr(self, request: Request) -> bytes:
        node, changes = self._node(request), read_changes(request.body)
        if changes.size is not None:
            self._check_size(changes.size)
            node.truncate(changes.size)
            node.touch()
        if changes.mode is not None:
            node.mode = stat.S_IFMT(node.mode) | stat.S_IMODE(changes.mode)
        node.uid = node.uid if changes.uid is None else changes.uid
        node.gid = node.gid if changes.gid is None else changes.gid
        if changes.now:
            node.touch()
        elif changes.mtime_ns is not None:
            node.mtime_ns = changes.mtime_ns
        return attributes_answer(self._attributes(node))

    def _readlink(self, request: Request) -> bytes:
        return os.fsencode(self._node(request).target)

    def _make(self, request: Request, name: str, mode: int) -> Node:
        directory = self._node(request)
        if self._spelled(directory, name) in directory.names:
            raise _error(errno.EEXIST)
        return self.disk.make(request.node, name, mode, (request.uid, request.gid))

    def _symlink(self, request: Request) -> bytes:
        name, target = request.names(0)
        node = self._make(request, name, stat.S_IFLNK | 0o777)
        node.target = target
        return self._entry(node)

    def _mknod(self, request: Request) -> bytes:
        return self._entry(self._make(request, request.names(16)[0], numbers(request.body, "I")[0]))

    def _mkdir(self, request: Request) -> bytes:
        mode = stat.S_IFDIR | numbers(request.body, "I")[0]
        return self._entry(self._make(request, request.names(8)[0], mode))

    def _create(self, request: Request) -> bytes:
        mode = numbers(request.body, "II")[1]
        return self._entry(self._make(request, request.names(16)[0], mode)) + OPENED

    def _unlink(self, request: Request) -> bytes:
        name = self._spelled(self._node(request), request.names(0)[0])
        self._child(self._node(request), name)
        self.disk.rename(((request.node, name, None),))
        return b""

    def _rmdir(self, request: Request) -> bytes:
        if self._child(self._node(request), request.names(0)[0]).names:
            raise _error(errno.ENOTEMPTY)
        return self._unlink(request)

    def _rename(self, request: Request) -> bytes:
        return self._move(request, numbers(request.body, "Q")[0], request.names(8), 0)

    def _rename2(self, request: Request) -> bytes:
        target, flags = numbers(request.body, "QI")
        return self._move(request, target, request.names(16), flags)

    def _move(self, request: Request, target: int, names: list[str], flags: int) -> bytes:
        if flags & ~_NOREPLACE:
            raise _error(errno.EINVAL)
        old, new = names
        moved, into = self._child(self._node(request), old), self.disk.nodes[target]
        spelled = self._spelled(into, new)
        if flags & _NOREPLACE and spelled in into.names:
            raise _error(errno.EEXIST)
        old = self._spelled(self._node(request), old)
        self.disk.rename(((request.node, old, None), (target, spelled, moved.number)))
        return b""

    def _open(self, request: Request) -> bytes:
        return OPENED

    _opendir = _open

    def _release(self, request: Request) -> bytes:
        return b""

    _releasedir = _release

    def _read(self, request: Request) -> bytes:
        return self._node(request).read(*read_range(request.body))

    def _write(self, request: Request) -> bytes:
        data, (offset, _) = write_data(request.body), read_range(request.body)
        self._check_size(offset + len(data))
        self._node(request).write(offset, data)
        return written(len(data))

    def _fallocate(self, request: Request) -> bytes:
        _, offset, length, mode = numbers(request.body, "QQQI")
        if not self._odd.fallocate or mode & ~_KEEP_SIZE:
            raise _error(errno.EOPNOTSUPP)
        self._check_size(offset + length)
        node = self._node(request)
        if not mode & _KEEP_SIZE:
            node.truncate(max(node.size, offset + length))
        return b""

    def _check_size(self, size: int) -> None:
        if self._odd.largest_file is not None and size > self._odd.largest_file:
            raise _error(errno.EFBIG)

    def _fsync(self, request: Request) -> bytes:
        self.disk.sync(request.node)
        return b""

    _fsyncdir = _fsync

    def _statfs(self, request: Request) -> bytes:
        return statfs_answer(PAGE, _BLOCKS, self.free)

    def _readdir(self, request: Request) -> bytes:
        children = [(number, name, self.disk.nodes[number].mode) for name, number in self._node(request).names.items()]
        return directory_page([(request.node, ".", stat.S_IFDIR), *children], *read_range(request.body))


def _error(number: int) -> OSError:
    return OSError(number, os.strerror(number))
