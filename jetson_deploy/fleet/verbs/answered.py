"""One result for each device, whatever goes wrong with it."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence

import msgspec

from jetson_deploy.errors import JetsonDeployError
from jetson_deploy.fleet.connection import Connection, Transport
from jetson_deploy.fleet.device import Device
from jetson_deploy.fleet.each import each
from jetson_deploy.fleet.end_state import DeviceResult, EndState, state_of
from jetson_deploy.fleet.failure import ConnectionLostError
from jetson_deploy.fleet.tool import ToolError

Act = Callable[[Connection], Awaitable[DeviceResult]]
_UNKNOWN = ("timed-out",)
"""What was asked for may go on there."""


async def on_each(
    transport: Transport,
    devices: Sequence[Device],
    act: Act,
    *,
    ended: Callable[[DeviceResult], None] = lambda result: None,
) -> list[DeviceResult]:
    """`act` on each device's connection, in the order of `devices`; `ended` hears each result when it is there."""

    async def one(device: Device) -> DeviceResult:
        began = time.monotonic()
        result = await _answered(transport, device, act)
        result = msgspec.structs.replace(result, seconds=round(time.monotonic() - began, 3))
        ended(result)
        return result

    return await each(devices, one, failed=lambda device, error: failed(device, error, reached=False))


async def _answered(transport: Transport, device: Device, act: Act) -> DeviceResult:
    reached = False
    try:
        async with transport.connect(device) as connection:
            reached = True
            return await act(connection)
    except JetsonDeployError as error:
        return failed(device, error, reached=reached)


def failed(device: Device, error: JetsonDeployError, *, reached: bool) -> DeviceResult:
    document = error.document if isinstance(error, ToolError) else None
    return DeviceResult(
        device=device.name,
        state=_state(error, reached),
        reason=error.message,
        hint=error.hint,
        code=error.code,
        document=document,
    )


def _state(error: JetsonDeployError, reached: bool) -> EndState:
    if not reached:
        return "unreachable"
    if isinstance(error, ToolError):
        return state_of(error.there, error.code) if error.there else "failed"
    if isinstance(error, ConnectionLostError) or error.code in _UNKNOWN:
        return "unknown"
    return "refused"
