"""`fleet hosts`: who answers, and what is there; the tool need not be on a device for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from jetson_deploy.cli.fleet.live import answers
from jetson_deploy.cli.fleet.options import FleetOptions, fleet_options
from jetson_deploy.cli.fleet.rows import answer_rows
from jetson_deploy.cli.fleet.running import run
from jetson_deploy.cli.formatting import when
from jetson_deploy.units import size_text

if TYPE_CHECKING:
    from jetson_deploy.fleet.connection import Transport
    from jetson_deploy.fleet.device import Device
    from jetson_deploy.fleet.end_state import DeviceResult

HEADS = ("BOARD", "L4T", "JETPACK", "MEMORY", "DISK FREE", "POWER", "TOOL", "DEPLOYED", "SINCE", "CLOCK")
SAME_CLOCK = 2.0
"""Seconds: less than that may be the way of the answer."""


@click.command("hosts")
@fleet_options
def command(*, fleet: FleetOptions) -> int:
    """Show who answers, and each device's board, system, memory, disk, power mode, tool and deployments.

    A device is read by a script on its standard input: it needs SSH and Python 3.6, nothing is written there. The exit
    code is 9 where some do not answer. CLOCK is how far a device's clock is from the one here.
    """
    rows = run(fleet, lambda transport: looked(fleet, transport))
    return answered(fleet, rows)


def answered(fleet: FleetOptions, rows: Sequence[DeviceResult]) -> int:
    return answer_rows(fleet, "hosts", rows, heads=HEADS, cells=cells_of, done="reachable")


async def looked(fleet: FleetOptions, transport: Transport) -> list[DeviceResult]:
    from jetson_deploy.fleet.each import each
    from jetson_deploy.fleet.reading.asked import asked_of
    from jetson_deploy.fleet.reading.host_row import host_row
    from jetson_deploy.fleet.reading.seen import look, not_seen

    catalog = fleet.catalog()

    async def one(device: Device) -> DeviceResult:
        return host_row(await look(transport, device, asked_of(device, source=fleet.inventory.source), catalog))

    return await each(fleet.devices, one, failed=not_seen, ended=answers(fleet))


def cells_of(row: DeviceResult) -> Sequence[object]:
    said: dict[str, Any] = row.document or {}
    if not said:
        return ("",) * len(HEADS)
    deployed = said["deployed"]
    return (
        said["board"] or ("no Jetson" if said["is_jetson"] is False else None),
        f"{said['l4t']} (assumed)" if said.get("l4t_given") else said["l4t"],
        said["jetpack"],
        size_text(said["memory_total_bytes"], unknown=""),
        size_text(said["disk_free_bytes"], unknown=""),
        said["power_mode"],
        _tool(said),
        _deployed(said),
        ", ".join(when(one["since"]) for one in deployed if one["since"]),
        clock_text(said["clock_ahead_seconds"]),
    )


def _deployed(said: dict[str, Any]) -> str:
    """An engine that gives no answer says nothing of its containers; where there is none, there are none."""
    if said["engine_problem"] not in (None, "absent"):
        return f"unknown (Docker: {said['engine_problem']})"
    found = said["deployed"]
    return ", ".join(one["model"] + ("" if one["state"] == "running" else f" ({one['state']})") for one in found)


def _tool(said: dict[str, Any]) -> str:
    """A newer one is left as it is by every verb."""
    if said["tool"] is None:
        return "none"
    version = said["tool_version"] or "unknown"
    return f"{version} (newer)" if said["tool"] == "newer" else version


def clock_text(ahead: float | None) -> str:
    if ahead is None:
        return ""
    if abs(ahead) < SAME_CLOCK:
        return "same"
    sign, seconds = "+" if ahead > 0 else "-", abs(ahead)
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{sign}{seconds / size:.0f} {unit}"
    return f"{sign}{seconds:.0f} s"
