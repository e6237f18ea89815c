"""Where a unit has no result the device's own record decides: `status` there finishes or undoes what was left."""

from __future__ import annotations

from jetson_deploy.fleet.connection import Connection
from jetson_deploy.fleet.device import Device
from jetson_deploy.fleet.end_state import DeviceResult
from jetson_deploy.fleet.failure import DeviceError
from jetson_deploy.fleet.job.board import Answered, ask_tool
from jetson_deploy.fleet.job.folder import Before

NOTHING_DEPLOYED = "nothing-deployed"
NOT_READY = "not-ready"
"""The device's engine does not answer: so it is for a while after a boot."""


async def status_of(connection: Connection, tool: str, device: Device, name: str) -> Answered:
    """With a real generation. Raises DeviceError `not-ready` while the device's engine is not back."""
    answered = await ask_tool(connection, tool, device.environment, "status", "--name", name)
    if answered.exit_code == 3:
        hint = _text(answered, "hint") or "look at the device's engine"
        raise DeviceError(_text(answered, "message"), hint=hint, code=NOT_READY)
    return answered


def by_record(device: Device, status: Answered, before: Before | None, why: str) -> DeviceResult:
    """`before`: what the unit found; None: it changed nothing yet."""
    if not status.document.get("healthy", False):
        hint = _text(status, "hint") or "jetson-deploy status on the device shows it"
        return _failed(device, status, f"{why}; {problem_of(status)}", hint, _text(status, "code") or "unhealthy")
    container = _text(status, "container") or None
    if before is not None and not before.problem and container != before.container:
        return DeviceResult(device=device.name, state="proven", document=status.document)
    return DeviceResult(
        device=device.name,
        state="rolled-back",
        reason=f"{why}; {container} serves as before",
        hint="jetson-deploy history on the device shows what was done",
        code="no-result",
        document=status.document,
    )


def second_proof(device: Device, status: Answered, proven: object) -> DeviceResult:
    """`proven`: the container that passed the first one; None: there is no result that names it."""
    found = _text(status, "container") or None
    if not status.document.get("healthy", False):
        reason, hint = problem_of(status), _text(status, "hint") or "jetson-deploy status on the device shows it"
        return _failed(device, status, reason, hint, _text(status, "code") or "second-proof-failed")
    if proven not in (None, found):
        reason, hint = f"{found} serves, not {proven} that was proven", "jetson-deploy history on the device tells why"
        return _failed(device, status, reason, hint, "another-revision")
    return DeviceResult(device=device.name, state="unchanged", document=status.document)


def _failed(device: Device, status: Answered, reason: str, hint: str, code: str) -> DeviceResult:
    return DeviceResult(
        device=device.name, state="failed", reason=reason, hint=hint, code=code, document=status.document
    )


def problem_of(status: Answered) -> str:
    """One line of what is wrong, as the device says it."""
    if message := _text(status, "message"):
        return message
    verdicts = status.document.get("verdicts")
    listed = verdicts if isinstance(verdicts, list) else []
    failed = [one for one in listed if isinstance(one, dict) and one.get("passed") is False]
    said = [text for key in ("check", "observed") if isinstance(text := failed[0].get(key), str)] if failed else []
    return ": ".join(said) or "it is not healthy"


def _text(answered: Answered, key: str) -> str:
    found = answered.document.get(key)
    return found if isinstance(found, str) else ""
