"""What a unit's result says of the device."""

from __future__ import annotations

from typing import Any

import msgspec

from jetson_deploy.events import Finished
from jetson_deploy.fleet.device import Device
from jetson_deploy.fleet.device_hints import for_controller
from jetson_deploy.fleet.end_state import AS_WANTED, DeviceResult, measure, state_of
from jetson_deploy.fleet.job.board import BoardAnswer
from jetson_deploy.fleet.job.folder import JobResult

_LOCKED = "wait for its end there; then jetson-deploy fleet up --retry-failed"


def finished_of(result: JobResult) -> Finished | None:
    """The command's own last event. None: it was ended before it could say it."""
    try:
        return msgspec.convert(result.finished, Finished) if result.finished is not None else None
    except (msgspec.ValidationError, RecursionError):
        return None


def document_of(result: JobResult | None) -> dict[str, Any] | None:
    """What the command answered with, where it did what was asked."""
    finished = finished_of(result) if result is not None else None
    if finished is None or finished.exit_code or isinstance(finished.document, msgspec.UnsetType):
        return None
    return finished.document


def device_result(device: Device, result: JobResult, finished: Finished) -> DeviceResult:
    state = state_of(finished.exit_code, finished.result)
    good = state in AS_WANTED
    document = None if isinstance(finished.document, msgspec.UnsetType) else finished.document
    return DeviceResult(
        device=device.name,
        state=state,
        reason="" if good else finished.message,
        hint="" if good else _LOCKED if state == "locked" else for_controller(finished.hint),
        code="" if good else finished.result,
        seconds=measure(result.seconds),
        document=document,
        fetched_bytes_per_second=measure(result.fetched.rate) if result.fetched else None,
        downtime_seconds=measure(document.get("downtime_seconds")) if document else None,
    )


def why_ended(answer: BoardAnswer) -> str:
    """Of a command that said nothing at its end."""
    result = answer.result
    said = f"; its last words: {answer.stderr}" if answer.stderr else ""
    if result is None and answer.room_kib is not None:
        return f"the unit ended without a result: its disk is full, {answer.room_kib} KiB are free{said}"
    if result is None:
        return f"the unit ended without a result: power, or its runner, went{said}"
    signal = result.exit_code - 128
    if signal == 9:
        return f"the run was killed there (signal 9: by hand, or for want of memory){said}"
    how = f"by signal {signal}" if 0 < signal < 65 else f"with exit code {result.exit_code}"
    return f"the run ended {how} and said nothing{said}"
