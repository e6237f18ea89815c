"""Where a unit has no result the device's own record decides: `status` there finishes or undoes what was left."""

from __future__ import annotations

import msgspec

from jetson_deploy.fleet.connection import Connection
from jetson_deploy.fleet.device import Device
from jetson_deploy.fleet.device_hints import for_controller
from jetson_deploy.fleet.end_state import DeviceResult
from jetson_deploy.fleet.failure import DeviceError
from jetson_deploy.fleet.job.folder import Before
from jetson_deploy.fleet.tool import ToolAnswer, document_or_refusal

NOTHING_DEPLOYED = "nothing-deployed"
NOT_READY = "not-ready"
"""The device's engine does not answer: so it is for a while after a boot."""
SECONDS = 1000.0
"""A model is loaded to be asked: 900 s at most (the proof's own bound)."""


async def status_of(connection: Connection, tool: str, device: Device, name: str) -> ToolAnswer:
    """With a real generation. Raises DeviceError `not-ready` while the device's engine is not back."""
    answered = await document_or_refusal(connection, "status", "--name", name, seconds=SECONDS, tool=tool)
    if answered.exit_status == 3:
        hint = _hint(answered) or "look at the device's engine"
        raise DeviceError(_text(answered, "message"), hint=hint, code=NOT_READY)
    return answered


def by_record(device: Device, status: ToolAnswer, before: Before | None, why: str) -> DeviceResult:
    """`before`: what the unit found; None: it changed nothing yet."""
    if not status.document.get("healthy", False):
        hint = _hint(status) or "jetson-deploy fleet status HOST shows it"
        return _failed(device, status, f"{why}; {problem_of(status)}", hint, _text(status, "code") or "unhealthy")
    container = _text(status, "container") or None
    if before is not None and not before.problem and container != before.container:
        return DeviceResult(device=device.name, state="proven", document=status.document)
    return DeviceResult(
        device=device.name,
        state="rolled-back",
        reason=f"{why}; {container} serves as before",
        hint="on the device: jetson-deploy history shows what was done",
        code="no-result",
        document=status.document,
    )


def what_serves(result: DeviceResult, status: ToolAnswer, before: Before) -> DeviceResult:
    """Of a run that failed by its own word, where something served before."""
    container = _text(status, "container") or None
    if not status.document.get("healthy", False):
        return msgspec.structs.replace(
            result, reason=f"{result.reason}; what served before does not: {problem_of(status)}"
        )
    if container == before.container:
        return msgspec.structs.replace(
            result, state="rolled-back", reason=f"{result.reason}; {container} serves as before"
        )
    return msgspec.structs.replace(result, reason=f"{result.reason}; {container} serves")


def second_proof(device: Device, status: ToolAnswer, proven: object) -> DeviceResult:
    """`proven`: the container that passed the first one; None: there is no result that names it."""
    found = _text(status, "container") or None
    if not status.document.get("healthy", False):
        reason, hint = problem_of(status), _hint(status) or "jetson-deploy fleet status HOST shows it"
        return _failed(device, status, reason, hint, _text(status, "code") or "second-proof-failed")
    if proven not in (None, found):
        reason, hint = f"{found} serves, not {proven} that was proven", "on the device: jetson-deploy history tells why"
        return _failed(device, status, reason, hint, "another-revision")
    return DeviceResult(device=device.name, state="unchanged", document=status.document)


def _failed(device: Device, status: ToolAnswer, reason: str, hint: str, code: str) -> DeviceResult:
    return DeviceResult(
        device=device.name, state="failed", reason=reason, hint=hint, code=code, document=status.document
    )


def problem_of(status: ToolAnswer) -> str:
    """One line of what is wrong, as the device says it."""
    if message := _text(status, "message"):
        return message
    verdicts = status.document.get("verdicts")
    listed = verdicts if isinstance(verdicts, list) else []
    failed = [one for one in listed if isinstance(one, dict) and one.get("passed") is False]
    said = [text for key in ("check", "observed") if isinstance(text := failed[0].get(key), str)] if failed else []
    return ": ".join(said) or "it is not healthy"


def _hint(answered: ToolAnswer) -> str:
    return for_controller(_text(answered, "hint"))


def _text(answered: ToolAnswer, key: str) -> str:
    found = answered.document.get(key)
    return found if isinstance(found, str) else ""
