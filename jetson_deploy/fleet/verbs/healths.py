"""`status` of each device: what serves there and how well, and what is not as it was deployed."""

from __future__ import annotations

import re

import msgspec

from jetson_deploy.fleet.connection import Connection
from jetson_deploy.fleet.device_hints import for_controller
from jetson_deploy.fleet.end_state import DeviceResult
from jetson_deploy.fleet.tool import ToolError, ask_tool, named, read_as
from jetson_deploy.fleet.verbs.answered import failed

SECONDS = 180.0
"""With a real generation, by a model that may have to be loaded first."""
UNIT_SECONDS = 30.0
UNIT_BYTES = 16 << 10
UNITS = "systemctl list-units --plain --no-legend --no-pager --state=active,activating,deactivating 'jd-fleet-*'"
_UNIT = re.compile(r"jd-fleet-[A-Za-z0-9-]{1,60}\.service")
DEEP_SECONDS = 1800.0
"""With every byte of the model read."""


class Check(msgspec.Struct, frozen=True, kw_only=True):
    check: str = ""
    passed: bool | None = None
    observed: str = ""
    hint: str = ""


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    what: str = ""
    deployed: str = ""
    found: str = ""
    level: str = "warning"


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """Of the document jetson-deploy.status/1, what a row needs."""

    healthy: bool
    model: str
    revision: int | None = None
    context_tokens: int | None = None
    tokens_per_second_proven: float | None = None
    proven_at: str | None = None
    attention: str | None = None
    unfinished: str | None = None
    simulated: str | None = None
    accept_cpu: bool = False
    verdicts: tuple[Check, ...] = ()
    drift: tuple[Difference, ...] | None = None

    @property
    def alarm(self) -> str:
        """What a person should look at, although it may serve."""
        return self.attention or self.unfinished or ""


async def health(connection: Connection) -> DeviceResult:
    """`done`: it serves and answers; else the check that failed. Both with what works there now. Raises DeviceError."""
    try:
        result = await _health(connection)
    except ToolError as error:
        result = failed(connection.device, error, reached=True)
    reasons = [text for text in (result.reason, await units(connection)) if text]
    return msgspec.structs.replace(result, reason="; ".join(reasons))


async def _health(connection: Connection) -> DeviceResult:
    device = connection.device
    answer = await ask_tool(connection, "status", *named(device), seconds=SECONDS)
    found = read_as(Health, answer.document)
    if found.healthy and answer.exit_status == 0:
        return DeviceResult(device=device.name, state="done", document=answer.document)
    wrong = next((one for one in found.verdicts if one.passed is False), Check())
    reason = f"{wrong.check}: {wrong.observed}" if wrong.check else found.alarm or "not healthy"
    return DeviceResult(
        device=device.name,
        state="failed",
        reason=reason,
        hint=for_controller(wrong.hint),
        code="unhealthy",
        document=answer.document,
    )


async def units(connection: Connection) -> str:
    """What a fleet started there and still runs: `its unit jd-fleet-… runs`; empty: nothing, or it is not known."""
    answer = await connection.run(UNITS, seconds=UNIT_SECONDS, limit=UNIT_BYTES)
    words = (line.split(maxsplit=1)[0] for line in answer.stdout.decode(errors="replace").splitlines() if line.strip())
    names = [word.removesuffix(".service") for word in words if _UNIT.fullmatch(word)]
    return f"its unit {', '.join(names[:2])} runs" if names else ""


async def drift(connection: Connection, *, deep: bool = False) -> DeviceResult:
    """`done`: what serves is as it was deployed, and healthy. Raises DeviceError."""
    device, flag = connection.device, "--deep" if deep else "--drift"
    seconds = DEEP_SECONDS if deep else SECONDS
    answer = await ask_tool(connection, "status", flag, *named(device), seconds=seconds)
    found = read_as(Health, answer.document)
    moved = [one for one in found.drift or () if one.level == "warning"]
    reason = "; ".join(f"{one.what}: deployed {one.deployed}, found {one.found}" for one in moved)
    if not reason and not (found.healthy and answer.exit_status == 0):
        reason = "not healthy"
    return DeviceResult(
        device=device.name,
        state="needs-attention" if reason else "done",
        reason=reason,
        hint="on the device: jetson-deploy status --drift says what `up` would do" if moved else "",
        code="drifted" if moved else "unhealthy" if reason else "",
        document=answer.document,
    )
