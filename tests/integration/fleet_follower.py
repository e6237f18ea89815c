"""One device's deployment, or what follows it, by the real transport; each event and the result a line.

To be run where the boards are reached, with one argument: `Told` as JSON.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any, Literal

import msgspec

from jetson_deploy.events import Event
from jetson_deploy.fleet.connect_options import Bounds
from jetson_deploy.fleet.connection import Connection
from jetson_deploy.fleet.deploy import DeviceJobs
from jetson_deploy.fleet.device import Device
from jetson_deploy.fleet.end_state import DeviceResult
from jetson_deploy.fleet.opened import open_transport
from jetson_deploy.fleet.tool import TOOL

Act = Literal["deploy", "take_up", "prove", "roll_back"]


class Told(msgspec.Struct, kw_only=True):
    act: Act
    ssh_config: str
    device: str
    rollout: str
    environment: dict[str, str]
    settings: dict[str, Any] = {}
    patience: float = 60


async def brought(connection: Connection) -> str:
    return TOOL


def tell(what: object) -> None:
    print(msgspec.json.encode(what).decode(), flush=True)


def report(device: Device, event: Event) -> None:
    tell(event)


async def done(jobs: DeviceJobs, act: Act, device: Device) -> DeviceResult | None:
    if act == "deploy":
        return await jobs.deploy(device, report)
    if act == "take_up":
        return await jobs.take_up(device, report)
    return await (jobs.prove(device) if act == "prove" else jobs.roll_back(device))


async def main() -> None:
    told = msgspec.json.decode(sys.argv[1], type=Told)
    device = Device(name=told.device, environment=told.environment, settings=told.settings)
    # A link that is gone is seen after 3 s.
    transport = open_transport(ssh_config=Path(told.ssh_config), bounds=Bounds(keepalive=1))
    jobs = DeviceJobs(transport, told.rollout, brought, arguments=("--wait",), patience=told.patience)
    try:
        tell(await done(jobs, told.act, device))
    finally:
        await transport.close()


if __name__ == "__main__":
    asyncio.run(main())
