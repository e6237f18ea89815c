"""The same question to every selected device, and what a row reads of its answer."""

from __future__ import annotations

from typing import TypeVar

import msgspec

from jetson_deploy.cli.fleet.live import chosen_live
from jetson_deploy.cli.fleet.options import FleetOptions
from jetson_deploy.cli.fleet.running import NOTHING_GOES_ON, run
from jetson_deploy.events import StepStarted
from jetson_deploy.fleet.connection import Connection
from jetson_deploy.fleet.end_state import DeviceResult
from jetson_deploy.fleet.verbs.answered import Act, on_each

Read = TypeVar("Read")


def ask_each(fleet: FleetOptions, act: Act, *, goes_on: str = NOTHING_GOES_ON, change: str = "") -> list[DeviceResult]:
    """In the order of the selection. `change`: the name of what changes devices, which is shown as it goes; among the
    events each result is there as soon as it is known."""
    if not change and not fleet.as_events:
        return run(fleet, lambda transport: on_each(transport, fleet.devices, act), goes_on=goes_on)
    with chosen_live(fleet) as live:

        async def shown(connection: Connection) -> DeviceResult:
            if change:
                live.event(connection.device, StepStarted(step=change, text=""))
            return await act(connection)

        return run(fleet, lambda transport: on_each(transport, fleet.devices, shown, ended=live.ended), goes_on=goes_on)


def document_of(kind: type[Read], result: DeviceResult) -> Read | None:
    """None: the device gave none, or an error's."""
    try:
        return msgspec.convert(result.document, kind)
    except (msgspec.ValidationError, RecursionError):
        return None
