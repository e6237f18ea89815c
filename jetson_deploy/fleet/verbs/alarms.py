"""`monitor alerts` of each device: what holds there now."""

from __future__ import annotations

import msgspec

from jetson_deploy.fleet.connection import Connection
from jetson_deploy.fleet.device_hints import for_controller
from jetson_deploy.fleet.end_state import DeviceResult
from jetson_deploy.fleet.tool import ask_tool, read_as

SECONDS = 60.0


class Alarm(msgspec.Struct, frozen=True, kw_only=True):
    id: str = ""
    subject: str = ""
    severity: str = "info"
    title: str = ""
    cause: str = ""
    fix: str = ""
    silenced: bool = False

    @property
    def counts(self) -> bool:
        return not self.silenced and self.severity != "info"


class Alarms(msgspec.Struct, frozen=True, kw_only=True):
    """Of the document jetson-deploy.alerts/1, what a row needs."""

    holding: tuple[Alarm, ...]


async def alarms(connection: Connection) -> DeviceResult:
    """`done`: no warning and no critical alert holds. Raises DeviceError."""
    answer = await ask_tool(connection, "monitor", "alerts", seconds=SECONDS)
    counting = [one for one in read_as(Alarms, answer.document).holding if one.counts]
    first = counting[0] if counting else Alarm()
    return DeviceResult(
        device=connection.device.name,
        state="needs-attention" if counting else "done",
        reason=first.cause,
        hint=for_controller(first.fix),
        code=first.id,
        document={"holding": answer.document["holding"]},
    )
