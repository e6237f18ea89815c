"""Plans that were saved, and what of one moved since: a moved one is not carried out, its cause is named."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from jetson_deploy import __version__
from jetson_deploy.errors import UsageError
from jetson_deploy.fleet.end_state import DeviceResult
from jetson_deploy.fleet.planning.device_plan import Decided, DevicePlan, Ground
from jetson_deploy.fleet.planning.planned import PlannedDevice
from jetson_deploy.names import shown
from jetson_deploy.units import size_text

MOST_BYTES = 64 << 20
FILE_MODE = 0o600
_SCHEMA = "jetson-deploy.fleet-saved-plan/"


class SavedPlan(msgspec.Struct, frozen=True, kw_only=True, tag_field="schema", tag=f"{_SCHEMA}1"):
    version: str
    """Of this tool."""
    at: str
    """For people."""
    inventory: str
    devices: dict[str, DevicePlan]
    """Those that were read."""
    model: str | None = None
    """Of `fleet plan --model`: what was asked of every device."""


def save(path: Path, *, inventory: str, at: str, devices: Mapping[str, DevicePlan], model: str | None = None) -> None:
    """For its owner alone: it tells what is deployed where. Raises UsageError."""
    plan = SavedPlan(version=__version__, at=at, inventory=inventory, devices=dict(devices), model=model)
    content = msgspec.json.format(msgspec.json.encode(plan), indent=1) + b"\n"
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, FILE_MODE)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
    except OSError as error:
        raise UsageError(
            f"cannot write {shown(str(path))}: {error.strerror}",
            hint="name another file with --save",
            code="cannot-save",
        ) from error


def read_saved(path: Path) -> SavedPlan:
    """Raises UsageError."""
    content = b""
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
        if len(content) > MOST_BYTES:
            raise ValueError(f"it is longer than {MOST_BYTES >> 20} MiB")
        return msgspec.json.decode(content, type=SavedPlan)
    except (OSError, msgspec.MsgspecError, ValueError, RecursionError) as error:
        if other := _of_another_version(content, path):
            raise other from error
        why = error.strerror if isinstance(error, OSError) else ascii(str(error))[1:-1][:200]
        raise UsageError(
            f"{shown(str(path))} is no saved plan: {why}",
            hint="jetson-deploy fleet plan --save FILE writes one",
            code="not-a-saved-plan",
        ) from error


class _Head(msgspec.Struct):
    schema: str
    version: str


def _of_another_version(content: bytes, path: Path) -> UsageError | None:
    try:
        head = msgspec.json.decode(content, type=_Head)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None
    if not head.schema.startswith(_SCHEMA) or head.version == __version__:
        return None
    return UsageError(
        f"{shown(str(path))} was saved by version {shown(head.version[:40])} of the tool; this is {__version__}",
        hint="jetson-deploy fleet plan --save FILE saves one of this version",
        code="not-a-saved-plan",
    )


def check_saved(saved: DevicePlan, now: DevicePlan) -> list[str]:
    """What moved so that the plan of now is another one, in words; empty: it is the same.

    Free memory and disk count only where the decisions follow them.
    """
    differs = list(_decisions(saved, now))
    return [*differs, *_facts(saved.ground, now.ground)] if differs else []


def held_to(saved: SavedPlan, found: PlannedDevice) -> PlannedDevice:
    """Refused where its plan of now is another one than that which was saved."""
    if found.plan is None:
        return found
    name = found.result.device
    before = saved.devices.get(name)
    moved = ["it does not have this device"] if before is None else check_saved(before, found.plan)
    if not moved:
        return found
    result = DeviceResult(
        device=name,
        state="refused",
        reason=f"the saved plan is another one: {'; '.join(moved)}",
        hint="jetson-deploy fleet plan --save FILE saves the plan as it is now",
        code="plan-moved",
        document=found.result.document,
    )
    return msgspec.structs.replace(found, result=result)


def _decisions(saved: DevicePlan, now: DevicePlan) -> Iterator[str]:
    if now.decided is None:
        if saved.decided is not None:
            yield from (f"it would be refused: {refusal.cause}" for refusal in now.refusals)
    elif saved.decided is None:
        yield "it was refused when the plan was saved, and would not be now"
    else:
        yield from _changes(saved.decided, now.decided)


def _changes(saved: Decided, now: Decided) -> Iterator[str]:
    for word, field in (("image", "image"), ("model", "model"), ("context", "context_tokens"), ("port", "port")):
        one, other = getattr(saved, field), getattr(now, field)
        if one != other:
            yield f"{word} is {other}, was {one}"
    gone = [step for step in saved.steps if step not in now.steps]
    new = [step for step in now.steps if step not in saved.steps]
    if gone or new:
        yield "; ".join(
            f"{what}: {', '.join(steps)}" for what, steps in (("steps no longer", gone), ("steps now", new)) if steps
        )
    elif saved.steps != now.steps:
        yield "the steps have another order"


_WORDS = {
    "board": "board",
    "l4t": "L4T",
    "memory_total_bytes": "memory",
    "memory_available_bytes": "free memory",
    "disk": "disk of the store",
    "disk_free_bytes": "free disk",
    "store": "store",
    "power_mode": "power mode",
    "engine": "Docker",
    "deployed": "deployed",
}


def _facts(saved: Ground, now: Ground) -> Iterator[str]:
    for field, word in _WORDS.items():
        one, other = getattr(saved, field), getattr(now, field)
        if one != other:
            yield f"{word} is {_text(field, other)}, was {_text(field, one)}"


def _text(field: str, value: object) -> str:
    if value is None:
        return "unknown" if field != "deployed" else "nothing"
    return size_text(value) if isinstance(value, int) and field.endswith("_bytes") else str(value)
