"""The samples of many devices, live: one channel for each, opened again when it is lost."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing

from jetson_deploy.fleet.connection import Connection, Transport
from jetson_deploy.fleet.device import Device
from jetson_deploy.fleet.each import each
from jetson_deploy.fleet.end_state import DeviceResult
from jetson_deploy.fleet.failure import DeviceError
from jetson_deploy.fleet.job.link import WORTH_ASKING_AGAIN
from jetson_deploy.fleet.verbs.answered import failed
from jetson_deploy.fleet.verbs.samples import samples
from jetson_deploy.monitor.derived import model_side_looked_at
from jetson_deploy.monitor.sample_line import SampleLine

PAUSES = (2.0, 5.0, 10.0, 20.0, 30.0)
"""Seconds between two tries; the last for ever."""
_AGAIN = WORTH_ASKING_AGAIN | {"monitor-ended", "no-sample"}

ENGINE_SECONDS = 5.0
"""For its first answer."""

Heard = Callable[[Device, SampleLine], None]
Lost = Callable[[Device, DeviceError], None]


async def watch(
    transport: Transport,
    devices: Sequence[Device],
    period: float,
    *,
    heard: Heard,
    lost: Lost,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> list[DeviceResult]:
    """Until it is cancelled, or every device refuses in a way that no second try changes."""

    async def one(device: Device) -> DeviceResult:
        tries = 0
        while True:
            try:
                async with transport.connect(device) as connection, aclosing(samples(connection, period)) as found:
                    async for sample in found:
                        heard(device, sample)
                        tries = 0
            except DeviceError as error:
                lost(device, error)
                if error.code not in _AGAIN:
                    return failed(device, error, reached=True)
            await sleep(PAUSES[min(tries, len(PAUSES) - 1)])
            tries += 1

    return await each(devices, one, failed=lambda device, error: failed(device, error, reached=False))


async def two_samples(connection: Connection, period: float) -> tuple[SampleLine, SampleLine]:
    """What is measured between two is known from the second. An engine that is slow is waited for a little.

    Raises DeviceError.
    """
    before: SampleLine | None = None
    most = 2 + int(ENGINE_SECONDS / period)
    async with aclosing(samples(connection, period)) as stream:
        async for sample in stream:
            most -= 1
            if before is not None and (model_side_looked_at(sample) or most <= 0):
                return before, sample
            before = sample
    raise DeviceError("its monitor ended", hint="look at `monitor --once` there", code="monitor-ended")
