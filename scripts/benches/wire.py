"""A long line between two network namespaces: `wire.py SERVER_NAMESPACE CLIENT_NAMESPACE DELAY_SECONDS LOSS`.

Where the kernel has no sch_netem, this does what it does: whole IP packets go from one TUN device to the other,
each after the delay, some never. TCP at both ends is the kernel's own. The rate is the kernel's too (tbf on the
server's device). It runs until its input ends and then says how many packets it saw.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import json
import os
import random
import select
import struct
import sys
import time
from collections import deque

DEVICE = "jdb-wire"
_MTU = 1500
_TUNSETIFF = 0x400454CA
_IFF_TUN, _IFF_NO_PI = 0x0001, 0x1000
_CLONE_NEWNET = 0x40000000


def _device_in(namespace: str) -> int:
    """Descriptor of a new TUN device there; it goes away with the descriptor."""
    libc = ctypes.CDLL(None, use_errno=True)
    where = os.open(f"/run/netns/{namespace}", os.O_RDONLY)
    if libc.setns(where, _CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), f"setns {namespace}")
    os.close(where)
    device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(device, _TUNSETIFF, struct.pack("16sH22x", DEVICE.encode(), _IFF_TUN | _IFF_NO_PI))
    return device


class Way:
    """One direction."""

    def __init__(self, source: int, target: int, delay: float, loss: float) -> None:
        self.source, self.target = source, target
        self._delay, self._loss = delay, loss
        self._chance = random.Random(source)
        self._under_way: deque[tuple[float, bytes]] = deque()
        self.passed = self.lost = 0

    def take(self) -> None:
        """All that has come."""
        while True:
            try:
                packet = os.read(self.source, _MTU)
            except BlockingIOError:
                return
            if self._chance.random() < self._loss:
                self.lost += 1
            else:
                self._under_way.append((time.monotonic() + self._delay, packet))

    def deliver(self) -> float | None:
        """All that is due; seconds until the next one is."""
        while self._under_way:
            due, packet = self._under_way[0]
            if (wait := due - time.monotonic()) > 0:
                return wait
            self._under_way.popleft()
            self.passed += 1
            with contextlib.suppress(OSError):  # before the other end is up
                os.write(self.target, packet)
        return None


def main() -> None:
    server, client = (_device_in(name) for name in sys.argv[1:3])
    delay, loss = float(sys.argv[3]), float(sys.argv[4])
    ways = [Way(server, client, delay, loss), Way(client, server, delay, loss)]
    print("ready", flush=True)
    while True:
        waits = [wait for way in ways if (wait := way.deliver()) is not None]
        ready, _, _ = select.select([server, client, 0], [], [], min(waits, default=None))
        if 0 in ready:
            break
        for way in ways:
            way.take()
    print(json.dumps({"passed": sum(w.passed for w in ways), "lost": sum(w.lost for w in ways)}), flush=True)


if __name__ == "__main__":
    main()
