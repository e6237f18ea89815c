"""A filesystem whose power can be cut, and whose disk can be full or broken, at a chosen operation.

Runs as a process of its own (a process that waits for itself would hang), answers orders on its standard input, one
JSON document a line. Operations are counted that change something: only these can be cut, or made to fail.
"""

from __future__ import annotations

import contextlib
import errno
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
from disk_tree import Oddities, Tree
from fuse_kernel import Mount, Request, numbers, write_data
from volatile_disk import Disk

CHANGES = (
    *("create", "mkdir", "mknod", "symlink", "unlink", "rmdir", "rename", "rename2"),
    *("write", "fallocate", "setattr", "fsync", "fsyncdir"),
)
NAMES = ("create", "mkdir", "unlink", "rmdir", "rename", "rename2")
TAKES_ROOM = ("create", "mkdir", "mknod", "symlink", "write", "fallocate", "rename", "rename2")
_SIZE = 8


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """From the `nth` operation of these kinds on (counted from 0), `times` of them fail with `number`."""

    number: int
    nth: int
    kinds: tuple[str, ...] = CHANGES
    times: int = 1


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What the filesystem is to do; counting begins anew with every order."""

    cut_after: int | None = None
    """The power goes after so many changes of the kinds `cut_kinds`: who asks for the next one, of any kind, is
    killed with SIGKILL."""
    cut_kinds: tuple[str, ...] = CHANGES
    failure: Failure | None = None
    fsync_seconds: float = 0
    """So long an fsync of a file lasts; only then is it durable. Other system calls go on meanwhile."""
    fresh: bool = False
    """Mount an empty disk."""
    fsync_keeps_names: bool = False
    """Of a fresh disk: fsync of a file keeps its name too, as ext4 does and nothing promises."""
    power_lost: int | None = None
    """Forget what was not durable, by this seed, and mount what is left."""
    state: bool = False
    """Change nothing."""


class State(msgspec.Struct, frozen=True, kw_only=True):
    operations: tuple[str, ...] = ()
    """Every change since the last order, in words."""
    is_cut: bool = False
    written: int = 0
    """Bytes, in all files."""
    failed: str | None = None
    """The first operation that was made to fail."""


class _Server:
    def __init__(self, point: Path, odd: Oddities) -> None:
        self._point, self._odd, self._disk = point, odd, Disk()
        self._order, self._log = Order(), list[str]()
        self._counted = self._seen = self._written = 0
        self._is_cut = False
        self._failed: str | None = None
        self._later: list[tuple[float, Request]] = []
        self._mount = self._mounted()

    def _mounted(self) -> Mount:
        self._tree = Tree(self._disk, self._odd)
        return Mount(self._point, self._answer)

    def _answer(self, request: Request) -> bytes | None:
        if self._is_cut:
            raise OSError(errno.EIO, "no power")
        if not _changes(request):
            return self._tree.answer(request)
        if self._counted == self._order.cut_after:
            self._is_cut = True
            _kill(request.thread)
            raise OSError(errno.EIO, "no power")
        self._log.append(_told(request))
        self._counted += request.operation in self._order.cut_kinds
        self._fail(request)
        if request.operation == "write":
            self._written += len(write_data(request.body))
        if request.operation == "fsync" and self._order.fsync_seconds:
            self._later.append((time.monotonic() + self._order.fsync_seconds, request))
            return None
        return self._tree.answer(request)

    def _answer_late(self, request: Request) -> bytes:
        if self._is_cut:
            raise OSError(errno.EIO, "no power")
        return self._tree.answer(request)

    def _fail(self, request: Request) -> None:
        plan = self._order.failure
        if plan is None or request.operation not in plan.kinds:
            return
        self._seen += 1
        if not plan.nth < self._seen <= plan.nth + plan.times:
            return
        self._failed = self._failed or self._log[-1]
        if plan.number == errno.ENOSPC:
            self._tree.free = 0
        if request.operation == "fsync":
            self._disk.nodes[request.node].forget_dirty()
        raise OSError(plan.number, os.strerror(plan.number))

    def obey(self, order: Order) -> State:
        if order.state:
            log = tuple(self._log)
            return State(operations=log, is_cut=self._is_cut, written=self._written, failed=self._failed)
        if order.power_lost is not None or order.fresh:
            self._mount.close()
            if order.power_lost is None:
                self._disk = Disk(fsync_keeps_names=order.fsync_keeps_names)
            else:
                self._disk.lose_power(order.power_lost)
            self._mount = self._mounted()
        self._order, self._log = order, []
        self._counted = self._seen = self._written = 0
        self._is_cut, self._failed, self._later = False, None, []
        self._tree = Tree(self._disk, self._odd)
        return State()

    def run(self) -> None:
        orders = sys.stdin.fileno()
        print("ready", flush=True)
        while True:
            with selectors.DefaultSelector() as ready:
                ready.register(orders, selectors.EVENT_READ)
                ready.register(self._mount.descriptor, selectors.EVENT_READ)
                files = [key.fd for key, _ in ready.select(0.01 if self._later else None)]
            while self._later and self._later[0][0] <= time.monotonic():
                self._mount.reply(self._later.pop(0)[1], self._answer_late)
            if not files:
                continue
            if orders not in files:
                self._mount.serve_one()
                continue
            line = os.read(orders, 1 << 16)
            if not line:
                return self._mount.close()
            answer = self.obey(msgspec.json.decode(line, type=Order))
            print(msgspec.json.encode(answer).decode(), flush=True)


def _changes(request: Request) -> bool:
    if request.operation == "setattr":
        # Modes and times are durable at once here: only a size can be lost.
        return bool(numbers(request.body, "I")[0] & _SIZE)
    return request.operation in CHANGES


def _told(request: Request) -> str:
    names = {"create": 16, "mkdir": 8, "unlink": 0, "rmdir": 0, "rename": 8, "rename2": 16, "mknod": 16}
    offset = names.get(request.operation)
    what = " ".join(request.names(offset)) if offset is not None else f"#{request.node}"
    return f"{request.operation} {what}"


def _kill(thread: int) -> None:
    """The kernel names the thread; its process has to die."""
    for line in Path(f"/proc/{thread}/status").read_text().splitlines():
        if line.startswith("Tgid:"):
            os.kill(int(line.split()[1]), signal.SIGKILL)


class PowerCutDisk:
    """The mounted filesystem, as tests see it."""

    def __init__(self, point: Path, server: subprocess.Popen[bytes]) -> None:
        self.point, self._server = point, server

    def order(self, order: Order) -> State:
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        self._server.stdin.write(msgspec.json.encode(order))
        self._server.stdin.flush()
        return msgspec.json.decode(self._server.stdout.readline(), type=State)

    def state(self) -> State:
        return self.order(Order(state=True))


@contextlib.contextmanager
def power_cut_disk(point: Path, odd: Oddities | None = None) -> Iterator[PowerCutDisk]:
    """Mounted at `point`, which is made; gone at the end of the block."""
    point.mkdir()
    command = [sys.executable, __file__, str(point), msgspec.json.encode(odd or Oddities()).decode()]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        try:
            assert server.stdout.readline() == b"ready\n", "FUSE cannot be mounted here: it needs root and /dev/fuse"
            yield PowerCutDisk(point, server)
        finally:
            server.stdin.close()
            if server.wait(120) != 0:
                subprocess.run(["umount", "-l", point], check=False)
    point.rmdir()


if __name__ == "__main__":
    _Server(Path(sys.argv[1]), msgspec.json.decode(sys.argv[2], type=Oddities)).run()
