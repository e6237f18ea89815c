"""`monitor alerts` of each device: what holds there now."""

from __future__ import annotations

from typing import Any

import msgspec

from jetson_deploy.fleet.connection import Connection
from jetson_deploy.fleet.device import Device
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
    unseen: str | None = None
    """Why those of container, server and model are not known."""


def unseen(device: Device, why: str, document: dict[str, Any]) -> DeviceResult:
    """No alert is not the same as none that could be seen."""
    return DeviceResult(
        device=device.name,
        state="unknown",
        reason=f"alerts of its server are not known: {why}",
        hint="jetson-deploy fleet status HOST says what serves there",
        code="not-seen",
        document=document,
    )


async def alarms(connection: Connection) -> DeviceResult:
    """`done`: no warning and no critical alert holds; `unknown`: of those that can be judged. Raises DeviceError."""
    answer = await ask_tool(connection, "monitor", "alerts", seconds=SECONDS)
    found = read_as(Alarms, answer.document)
    document = {key: answer.document.get(key) for key in ("holding", "unseen")}
    if not (counting := [one for one in found.holding if one.counts]) and found.unseen:
        return unseen(connection.device, found.unseen, document)
    first = counting[0] if counting else Alarm()
    more = f"; of its server nothing is known: {found.unseen}" if counting and found.unseen else ""
    return DeviceResult(
        device=connection.device.name,
        state="needs-attention" if counting else "done",
        reason=first.cause + more,
        hint=for_controller(first.fix),
        code=first.id,
        document=document,
    )
