"""Holds many connections with a line a second each, and tells how late lines come and what that costs.

benches/fleet.py starts it: `fleet_lines.py ours|script FILE`; FILE is JSON. The boards have this machine's clock.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import statistics
import sys
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import asyncssh

from jetson_deploy.fleet.device import Device
from jetson_deploy.fleet.opened import open_transport

SECOND = "while :; do date +%s.%N; sleep 1; done"


class Seen:
    """Lines of the time in which all are connected."""

    def __init__(self, connections: int, seconds: float) -> None:
        self.late: list[float] = []
        self.connected = 0.0
        self._began = time.monotonic()
        self._first: set[int] = set()
        self._connections, self._seconds = connections, seconds
        self.over = asyncio.Event()

    def line(self, number: int, text: bytes | str) -> None:
        if self.connected:
            self.late.append(time.time() - float(text))
            return
        self._first.add(number)
        if len(self._first) == self._connections:
            self.connected = time.monotonic() - self._began
            asyncio.get_running_loop().call_later(self._seconds, self.over.set)


async def ours(asked: dict[str, Any], seen: Seen) -> None:
    transport = open_transport(ssh_config=Path(asked["ssh_config"]))

    async def one(number: int, address: str) -> None:
        device = Device(name=f"{address} {number}", address=address, user="root")
        async with transport.connect(device) as connection:
            async for line in connection.lines(SECOND, silence=30):
                seen.line(number, line)

    await followed(one, asked, seen)
    await transport.close()


async def script(asked: dict[str, Any], seen: Seen) -> None:
    options = {"username": "root", "client_keys": [asked["key"]], "known_hosts": asked["known_hosts"], "config": None}

    async def one(number: int, address: str) -> None:
        async with asyncssh.connect(address, **options) as connection:
            process = await connection.create_process(SECOND)
            async for line in process.stdout:
                seen.line(number, line)

    await followed(one, asked, seen)


async def followed(one: Callable[[int, str], Coroutine[Any, Any, None]], asked: dict[str, Any], seen: Seen) -> None:
    tasks = [asyncio.create_task(one(number, address)) for number, address in enumerate(asked["addresses"])]
    over = asyncio.create_task(seen.over.wait())
    ended, _ = await asyncio.wait([*tasks, over], return_when=asyncio.FIRST_COMPLETED)
    if over not in ended:
        await asyncio.gather(*ended)
        raise SystemExit("a connection ended")
    used = resource.getrusage(resource.RUSAGE_SELF)
    found = {
        "connections": len(tasks),
        "connected": seen.connected,
        "lines": len(seen.late),
        "median_ms": statistics.median(seen.late) * 1000,
        "p99_ms": statistics.quantiles(seen.late, n=100)[98] * 1000,
        "cpu": used.ru_utime + used.ru_stime,
        "peak_mib": used.ru_maxrss / 1024,
        "files": sum(1 for _ in Path("/proc/self/fd").iterdir()),
    }
    print(json.dumps(found), flush=True)
    os._exit(0)  # what is measured is over, and 200 loops there need not be waited for


async def main() -> None:
    asked = json.loads(Path(sys.argv[2]).read_text())
    seen = Seen(len(asked["addresses"]), asked["seconds"])
    await {"ours": ours, "script": script}[sys.argv[1]](asked, seen)


asyncio.run(main())
