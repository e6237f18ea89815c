"""A rollout's own lines, as they are written, for whoever watches it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from jetson_deploy.cli.fleet.cells import many
from jetson_deploy.cli.fleet.live import Live
from jetson_deploy.events import StepStarted
from jetson_deploy.fleet.device import Device
from jetson_deploy.fleet.end_state import DeviceResult
from jetson_deploy.fleet.rollout.lines import (
    AnyLine,
    BatchJudged,
    BatchStarted,
    Closed,
    DeviceEnded,
    DeviceServes,
    DeviceStarted,
    Held,
    Opened,
    RollingBack,
    WentOn,
)

_SHOWN = 4
"""Names of a batch."""


def narrated(live: Live, opened: Opened, devices: Mapping[str, Device]) -> Callable[[AnyLine], None]:
    """Where each line of the record goes."""
    soaks = {name: batch.soak for batch in opened.batches for name in batch.devices}

    def see(line: AnyLine) -> None:
        if isinstance(line, DeviceStarted):
            live.event(devices[line.device], StepStarted(step="connect", text="is begun"))
        elif isinstance(line, DeviceServes):
            text = f"serves; proven again in {soaks[line.device]:g} s"
            live.event(devices[line.device], StepStarted(step="soak", text=text))
        elif isinstance(line, DeviceEnded):
            live.ended(_result(line))
        elif (note := _note(line, opened)) is not None:
            live.note(note)

    return see


def _note(line: AnyLine, opened: Opened) -> str | None:
    if isinstance(line, BatchStarted):
        batch = opened.batches[line.batch - 1]
        names = ", ".join(batch.devices[:_SHOWN]) + (", …" if len(batch.devices) > _SHOWN else "")
        return f"batch {batch.number} of {len(opened.batches)} ({batch.title}), {many(len(batch.devices))}: {names}"
    if isinstance(line, BatchJudged):
        return f"batch {line.batch} {'passed' if line.passed else 'did not pass'}: {line.text}"
    if isinstance(line, Held):
        return f"no new device is begun: {line.why}"
    if isinstance(line, WentOn):
        return "the rollout goes on"
    if isinstance(line, RollingBack):
        return f"to be brought back: {many(len(line.devices))}; {line.reason}"
    if isinstance(line, Closed) and line.result != "done":
        return f"the rollout {'was aborted' if line.result == 'aborted' else 'stopped'}: {line.reason}"
    return None


def _result(line: DeviceEnded) -> DeviceResult:
    return DeviceResult(
        device=line.device, state=line.state, reason=line.reason, hint=line.hint, code=line.code, seconds=line.seconds
    )
