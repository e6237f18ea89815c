"""A disk with a cache that loses its power with the board: what was not flushed never was written.

`python forgetful_disk.py FILE SOCKET`: an NBD server for one client, which is qemu. Writes stay in its memory until the
client flushes. When the client is gone, so are they. Standard library alone, run as a file.
"""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import subprocess
import sys
import time
from pathlib import Path

PAGE = 4096
_START_SECONDS = 120.0
_OPTION, _REPLY = 0x49484156454F5054, 0x0003E889045565A9
_REQUEST, _ANSWER = 0x25609513, 0x67446698
_GO, _ACK, _INFO, _UNSUPPORTED = 7, 1, 3, 0x80000001
_READ, _WRITE, _LEAVE, _FLUSH = 0, 1, 2, 3
_FUA = 1
_CAN = 1 | 4 | 8
"""Flags are there; it can flush, and write through, which here flushes all."""
_INVALID = 22


class Disk:
    """A file behind a cache."""

    def __init__(self, path: str) -> None:
        self._file = os.open(path, os.O_RDWR)
        self.size = os.fstat(self._file).st_size
        self._cache: dict[int, bytearray] = {}

    def read(self, at: int, length: int) -> bytes:
        found = bytearray(self._stored(at, length))
        for page in range(at // PAGE, -(-(at + length) // PAGE)):
            if cached := self._cache.get(page):
                begin, end = max(at, page * PAGE), min(at + length, (page + 1) * PAGE)
                found[begin - at : end - at] = cached[begin - page * PAGE : end - page * PAGE]
        return bytes(found)

    def write(self, at: int, data: bytes) -> None:
        done = 0
        while done < len(data):
            page, begin = divmod(at + done, PAGE)
            part = memoryview(data)[done : done + PAGE - begin]
            if len(part) == PAGE:
                self._cache[page] = bytearray(part)
            else:
                cached = self._cache.get(page)
                if cached is None:
                    cached = self._cache[page] = bytearray(self._stored(page * PAGE, PAGE))
                cached[begin : begin + len(part)] = part
            done += len(part)

    def flush(self) -> None:
        for page, data in self._cache.items():
            os.pwrite(self._file, data, page * PAGE)
        self._cache.clear()

    def _stored(self, at: int, length: int) -> bytes:
        return os.pread(self._file, length, at).ljust(length, b"\0")


class Client:
    """`serve` until it is gone."""

    def __init__(self, link: socket.socket, disk: Disk) -> None:
        self._link, self._disk = link, disk

    def serve(self) -> None:
        self._greet()
        while True:
            magic, flags, kind, handle, at, length = struct.unpack(">IHHQQI", self._exactly(28))
            if magic != _REQUEST or kind == _LEAVE or kind > _FLUSH:
                return
            data = self._exactly(length) if kind == _WRITE else b""
            if at + length > self._disk.size and kind != _FLUSH:
                self._answer(handle, _INVALID)
                continue
            if kind == _WRITE:
                self._disk.write(at, data)
            if kind == _FLUSH or flags & _FUA:
                self._disk.flush()
            self._answer(handle, 0, self._disk.read(at, length) if kind == _READ else b"")

    def _greet(self) -> None:
        """The fixed newstyle handshake, of which qemu needs one option."""
        self._link.sendall(b"NBDMAGIC" + struct.pack(">QH", _OPTION, 3))
        self._exactly(4)
        while True:
            _, option, length = struct.unpack(">QII", self._exactly(16))
            self._exactly(length)
            if option == _GO:
                self._reply(option, _INFO, struct.pack(">HQH", 0, self._disk.size, _CAN))
                self._reply(option, _ACK)
                return
            self._reply(option, _UNSUPPORTED)

    def _reply(self, option: int, kind: int, data: bytes = b"") -> None:
        self._link.sendall(struct.pack(">QIII", _REPLY, option, kind, len(data)) + data)

    def _answer(self, handle: int, error: int, data: bytes = b"") -> None:
        self._link.sendall(struct.pack(">IIQ", _ANSWER, error, handle) + data)

    def _exactly(self, length: int) -> bytes:
        found = bytearray()
        while len(found) < length:
            part = self._link.recv(min(length - len(found), 1 << 20))
            if not part:
                raise EOFError
            found += part
        return bytes(found)


def begin(file: Path, path: Path, *, room: int = 0) -> None:
    """Start one; returns once it can be connected to. `room`: the file is at least as large from then on."""
    path.unlink(missing_ok=True)
    if file.stat().st_size < room:
        os.truncate(file, room)
    argv = [sys.executable, "-IS", __file__, str(file), str(path)]
    server = subprocess.Popen(argv, stdin=subprocess.DEVNULL, start_new_session=True)
    while not path.exists() and server.poll() is None:
        time.sleep(0.01)
    server.returncode = 0  # else Python warns that the process was not waited for


def main(file: str, path: str) -> None:
    disk, fresh = Disk(file), f"{path}.new"
    with socket.socket(socket.AF_UNIX) as server, contextlib.suppress(EOFError, OSError):
        server.bind(fresh)
        server.listen(1)
        Path(fresh).rename(path)
        server.settimeout(_START_SECONDS)
        link, _ = server.accept()
        with link:
            link.settimeout(None)
            Client(link, disk).serve()


if __name__ == "__main__":
    main(*sys.argv[1:])
