"""One device's deployment, or its taking up, by the real transport; each event and the result a line.

To be run where the boards are reached: SSH_CONFIG DEVICE deploy|take-up PATIENCE STATE_DIR…
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import msgspec

from jetson_deploy.events import Event
from jetson_deploy.fleet.connection import Connection
from jetson_deploy.fleet.deploy import DeviceJobs
from jetson_deploy.fleet.device import Device
from jetson_deploy.fleet.opened import open_transport


async def brought(connection: Connection) -> str:
    found = await connection.run("command -v jetson-deploy", seconds=30)
    return found.stdout.decode().strip()


def tell(what: object) -> None:
    print(msgspec.json.encode(what).decode(), flush=True)


async def main() -> None:
    config, name, act, patience, *environment = sys.argv[1:]
    device = Device(name=name, environment=dict(one.split("=", 1) for one in environment))
    transport = open_transport(ssh_config=Path(config))
    tool = "/usr/local/bin/jetson-deploy"
    jobs = DeviceJobs(transport, "1", brought, arguments=("--wait",), tool=tool, patience=float(patience))

    def report(device: Device, event: Event) -> None:
        tell(event)

    try:
        tell(await (jobs.deploy if act == "deploy" else jobs.take_up)(device, report))
    finally:
        await transport.close()


if __name__ == "__main__":
    asyncio.run(main())
