"""How a device ended that could not be reached, begun or asked to its end."""

from __future__ import annotations

from jetson_deploy.fleet.device import Device
from jetson_deploy.fleet.end_state import DeviceResult
from jetson_deploy.fleet.failure import ConnectionLostError, DeviceError
from jetson_deploy.fleet.job.follow import NO_HEARTBEAT
from jetson_deploy.fleet.job.link import WORTH_ASKING_AGAIN
from jetson_deploy.fleet.job.record import NOT_READY

TOO_LONG = "too-long"
"""Code of a unit that says that it works, and does not end."""


def not_begun(device: Device, error: DeviceError) -> DeviceResult:
    if error.code in WORTH_ASKING_AGAIN:
        return unreachable(device, error)
    return refused(device, error.message, error.code, error.hint)


def unreachable(device: Device, error: DeviceError) -> DeviceResult:
    return DeviceResult(device=device.name, state="unreachable", reason=error.message, hint=error.hint, code=error.code)


def refused(device: Device, reason: str, code: str, hint: str = "") -> DeviceResult:
    hint = hint or "the journal of the unit on the device tells more"
    return DeviceResult(device=device.name, state="refused", reason=reason, hint=hint, code=code)


def unknown(device: Device, error: DeviceError) -> DeviceResult:
    if error.code == NOT_READY:
        return DeviceResult(device=device.name, state="failed", reason=error.message, hint=error.hint, code=error.code)
    if error.code in (TOO_LONG, NO_HEARTBEAT):
        return DeviceResult(device=device.name, state="unknown", reason=error.message, hint=error.hint, code=error.code)
    lost = "contact was lost while it worked" if isinstance(error, ConnectionLostError) else "it cannot be asked"
    return DeviceResult(
        device=device.name,
        state="unknown",
        reason=f"{lost}: {error.message}",
        hint="what was started there goes on by itself; jetson-deploy fleet resume takes it up again",
        code=error.code,
    )
