"""The same act on many devices at once: each ends on its own, none waits for a slow one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

from jetson_deploy.errors import JetsonDeployError
from jetson_deploy.fleet.device import Device

AT_ONCE = 256
"""One process holds thousands of connections (30 KiB each); the limit is that of open files, 1024."""

Result = TypeVar("Result")


async def each(
    devices: Iterable[Device],
    act: Callable[[Device], Awaitable[Result]],
    *,
    failed: Callable[[Device, JetsonDeployError], Result],
    ended: Callable[[Result], None] = lambda result: None,
    at_once: int = AT_ONCE,
) -> list[Result]:
    """The results in the order of `devices`; `ended` hears each when it is there. `failed` makes one of an error; a bug
    ends all and is raised."""
    places = asyncio.Semaphore(at_once)

    async def one(device: Device) -> Result:
        async with places:
            try:
                result = await act(device)
            except JetsonDeployError as error:
                result = failed(device, error)
        ended(result)
        return result

    tasks = [asyncio.ensure_future(one(device)) for device in devices]
    try:
        return list(await asyncio.gather(*tasks))
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
