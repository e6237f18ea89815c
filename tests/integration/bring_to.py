"""Run in the boards' network: brings the tool to each device, and says where it is, how and how often.

python bring_to.py SSH_CONFIG CACHE DEVICE…
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

from jetson_deploy.events import Event, StepStarted
from jetson_deploy.fleet.bring import bring
from jetson_deploy.fleet.device import Device
from jetson_deploy.fleet.opened import open_transport
from jetson_deploy.fleet.packages import Parcels


async def main(ssh_config: Path, cache: Path, names: list[str]) -> dict[str, object]:
    transport, parcels = open_transport(ssh_config=ssh_config), Parcels(cache=cache)
    said: dict[str, object] = {}

    async def one(name: str) -> None:
        begun: list[Event] = []
        async with transport.connect(Device(name=name)) as connection:
            path = await bring(connection, parcels, begun.append)
            version = await connection.run(f"{path} --version", seconds=60.0)
            linked = await connection.run("readlink /usr/local/bin/jetson-deploy", seconds=60.0)
        brought = [event for event in begun if isinstance(event, StepStarted)]
        said[name] = [path, len(brought), version.stdout.decode().strip(), linked.stdout.decode().strip()]

    try:
        await asyncio.gather(*map(one, names))
    finally:
        await transport.close()
    return said


if __name__ == "__main__":
    print(json.dumps(asyncio.run(main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:]))))
