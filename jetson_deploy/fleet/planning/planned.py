"""Every device read, and planned for; what cannot be read has a row that says why."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from jetson_deploy.errors import JetsonDeployError
from jetson_deploy.fleet.connection import Transport
from jetson_deploy.fleet.device import Device
from jetson_deploy.fleet.each import each
from jetson_deploy.fleet.end_state import DeviceResult
from jetson_deploy.fleet.planning.device_plan import DevicePlan, Refusal
from jetson_deploy.fleet.planning.make import as_result, plan_for
from jetson_deploy.fleet.reading.asked import asked_of
from jetson_deploy.fleet.reading.seen import Seen, look, not_seen
from jetson_deploy.fleet.rollout.lines import Measured

if TYPE_CHECKING:
    from jetson_deploy.catalog.catalog import Catalog


def _machine(seen: Seen) -> tuple[str, ...]:
    """One start of one machine; that of a device that does not say it stands for itself."""
    said = (seen.board.boot_id, seen.board.host_name)
    return tuple(map(str, said)) if all(said) else (seen.device.name,)


def _twice(other: str) -> Refusal:
    return Refusal(
        code="same-machine",
        cause=f"it is the same machine as {other}: two runs of one rollout there would meet",
        fix="take one of the two out of the inventory, or leave it out with --limit",
    )


class PlannedDevice(msgspec.Struct, frozen=True, kw_only=True):
    result: DeviceResult
    plan: DevicePlan | None = None
    """None: it could not be read."""


async def planned(
    devices: Sequence[Device],
    transport: Transport,
    catalog: Catalog,
    *,
    source: str,
    said: Mapping[str, Any],
    force: bool = False,
    measured: Mapping[str, Measured] | None = None,
    rate: float | None = None,
    ended: Callable[[DeviceResult], None] = lambda result: None,
) -> list[PlannedDevice]:
    """In the order of `devices`. `source`, `said`: as `asked_of` takes them. `ended` hears each."""

    machines: dict[tuple[str, ...], str] = {}

    async def one(device: Device) -> PlannedDevice:
        asked = asked_of(device, source=source, said=said, force=force)
        seen = await look(transport, device, asked, catalog)
        plan = plan_for(seen, catalog, measured=(measured or {}).get(device.name), rate=rate)
        if (other := machines.setdefault(_machine(seen), device.name)) != device.name:
            plan = DevicePlan(ground=plan.ground, tool=plan.tool, refusals=(_twice(other),))
        return PlannedDevice(result=as_result(device.name, plan), plan=plan)

    def failed(device: Device, error: JetsonDeployError) -> PlannedDevice:
        return PlannedDevice(result=not_seen(device, error))

    return await each(devices, one, failed=failed, ended=lambda one: ended(one.result))
