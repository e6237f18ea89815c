"""Holds many connections with a line a second each, and tells how late lines come and what that costs.

benches/fleet.py starts it: `fleet_lines.py ours|script FILE`; FILE is JSON. The boards have this machine's clock.
With `screen` in FILE each line goes to the terminal on stderr too: ours as a rollout's table, the script's as it came.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import resource
import statistics
import sys
import time
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import asyncssh

from jetson_deploy.cli.fleet.live import chosen_live
from jetson_deploy.cli.fleet.options import FleetOptions
from jetson_deploy.events import Note
from jetson_deploy.fleet.device import Device, Inventory
from jetson_deploy.fleet.opened import open_transport
from jetson_deploy.settings import Settings

SECOND = "while date +%s.%N; do sleep 1; done"
"""Ends with its reader: what is measured next on the same boards must not run beside it."""


Show = Callable[[int, str], None]


class Seen:
    """Lines of the time in which all are connected."""

    def __init__(self, connections: int, seconds: float, show: Show) -> None:
        self.late: list[float] = []
        self.connected = self.connected_at = 0.0
        self._show = show
        self._began = time.monotonic()
        self._first: set[int] = set()
        self._connections, self._seconds = connections, seconds
        self.over = asyncio.Event()

    def line(self, number: int, text: bytes | str) -> None:
        self._show(number, text.decode() if isinstance(text, bytes) else text)
        if self.connected:
            self.late.append(time.time() - float(text))
            return
        self._first.add(number)
        if len(self._first) == self._connections:
            self.connected, self.connected_at = time.monotonic() - self._began, time.time()
            asyncio.get_running_loop().call_later(self._seconds, self.over.set)


async def ours(asked: dict[str, Any], seen: Seen) -> None:
    transport, devices = open_transport(ssh_config=Path(asked["ssh_config"])), devices_of(asked)

    async def one(number: int, address: str) -> None:
        async with transport.connect(devices[number]) as connection:
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
        "connected_at": seen.connected_at,
        "lines": len(seen.late),
        "median_ms": statistics.median(seen.late) * 1000,
        "p99_ms": statistics.quantiles(seen.late, n=100)[98] * 1000,
        "cpu": used.ru_utime + used.ru_stime,
        "peak_mib": used.ru_maxrss / 1024,
        "files": sum(1 for _ in Path("/proc/self/fd").iterdir()),
    }
    print(json.dumps(found), file=sys.__stdout__, flush=True)  # the live table has taken the other
    os._exit(0)  # what is measured is over, and 200 loops there need not be waited for


def devices_of(asked: dict[str, Any]) -> tuple[Device, ...]:
    addresses = enumerate(asked["addresses"])
    return tuple(Device(name=f"{address}-{number}", address=address, user="root") for number, address in addresses)


@contextlib.contextmanager
def shown(asked: dict[str, Any], who: str) -> Iterator[Show]:
    if not asked.get("screen"):
        yield lambda number, text: None
    elif who == "script":
        yield lambda number, text: print(text.strip(), file=sys.stderr, flush=True)
    else:
        devices = devices_of(asked)
        options = FleetOptions(
            inventory=Inventory(devices=devices, source="benchmark"),
            devices=devices,
            as_json=False,
            as_events=False,
            quiet=False,
            verbose=False,
            settings=Settings.from_environment(),
        )
        with chosen_live(options) as live:
            yield lambda number, text: live.event(devices[number], Note(level="info", text=text.strip()))


async def main() -> None:
    who, asked = sys.argv[1], json.loads(Path(sys.argv[2]).read_text())
    with shown(asked, who) as show:
        seen = Seen(len(asked["addresses"]), asked["seconds"], show)
        await {"ours": ours, "script": script}[who](asked, seen)


asyncio.run(main())
