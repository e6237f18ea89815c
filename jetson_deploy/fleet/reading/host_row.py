"""What `fleet hosts` says of a device."""

from __future__ import annotations

import msgspec

from jetson_deploy.deployment.instance import deployment_names, find_serving
from jetson_deploy.errors import JetsonDeployError
from jetson_deploy.fleet.end_state import DeviceResult
from jetson_deploy.fleet.reading.facts import state_of
from jetson_deploy.fleet.reading.seen import Seen
from jetson_deploy.install.version import Age


class Deployed(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    model: str
    container: str
    state: str
    port: int
    since: str | None = None
    """RFC 3339, by that device's clock; None: not on record."""


class HostRow(msgspec.Struct, frozen=True, kw_only=True):
    """None: unknown."""

    host_name: str | None
    board: str | None
    board_name: str | None
    is_jetson: bool | None
    l4t: str | None
    l4t_given: bool = False
    """The inventory says it, of a host that hides it."""
    jetpack: str | None
    memory_total_bytes: int | None
    memory_available_bytes: int | None
    disk: str | None
    """Mount that the model store lies on, or would."""
    disk_total_bytes: int | None
    disk_free_bytes: int | None
    power_mode: str | None
    engine: str | None
    """Its version, or why it cannot be used."""
    engine_problem: str | None
    """Why it cannot be used; what is deployed is not known then."""
    tool_version: str | None
    tool: Age | None
    """Beside the version of this machine; None: there is none. `newer`: `fleet up` leaves the device as it is."""
    deployed: tuple[Deployed, ...]
    clock_ahead_seconds: float | None
    boot_id: str | None
    not_mounted: tuple[str, ...]
    notes: tuple[str, ...]


def host_row(seen: Seen) -> DeviceResult:
    facts, board = seen.facts, seen.board
    disk = facts.store.disk if facts.store else None
    engine = facts.engine
    row = HostRow(
        host_name=board.host_name,
        board=facts.board.id,
        board_name=facts.board.name,
        is_jetson=facts.is_jetson,
        l4t=facts.l4t or seen.asked.request.l4t,
        l4t_given=facts.l4t is None and seen.asked.request.l4t is not None,
        jetpack=facts.jetpack,
        memory_total_bytes=facts.memory.total_bytes,
        memory_available_bytes=facts.memory.available_bytes,
        disk=disk.mount if disk else None,
        disk_total_bytes=disk.total_bytes if disk else None,
        disk_free_bytes=disk.free_bytes if disk else None,
        power_mode=facts.power.mode,
        engine=None if engine is None else engine.version if engine.reachable else engine.problem,
        engine_problem=None if engine is None or engine.reachable else engine.problem,
        tool_version=board.tool.version,
        tool=seen.tool_age,
        deployed=_deployed(seen),
        clock_ahead_seconds=seen.clock_ahead,
        boot_id=board.boot_id,
        not_mounted=board.not_mounted,
        notes=facts.notes,
    )
    return DeviceResult(device=seen.device.name, state="done", document=msgspec.to_builtins(row))


def _deployed(seen: Seen) -> tuple[Deployed, ...]:
    engine = seen.facts.engine
    found = ((name, find_serving(engine, name)) for name in deployment_names(engine))
    return tuple(
        Deployed(
            name=name,
            model=serving.record.model,
            container=serving.container,
            state=serving.state,
            port=serving.record.port,
            since=_since(seen, name, serving.record.revision),
        )
        for name, serving in found
        if serving is not None
    )


def _since(seen: Seen, name: str, number: int) -> str | None:
    """When the revision that serves was proven."""
    try:
        state = state_of(seen.answer, name)
    except JetsonDeployError:
        return None
    revision = state.revision(number) if state else None
    return revision.at or None if revision else None
