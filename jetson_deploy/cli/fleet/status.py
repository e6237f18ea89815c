"""`fleet status`: what serves on each device, and how well."""

from __future__ import annotations

from collections.abc import Sequence

import click

from jetson_deploy.cli.fleet.asked import ask_each, document_of
from jetson_deploy.cli.fleet.options import FleetOptions, fleet_options
from jetson_deploy.cli.fleet.rows import answer_rows
from jetson_deploy.cli.formatting import when
from jetson_deploy.fleet.end_state import DeviceResult

HEADS = ("MODEL", "TOK/S", "SINCE", "NOTE")


@click.command("status")
@fleet_options
def command(*, fleet: FleetOptions) -> int:
    """Show what serves on each device and whether it is healthy, with a real generation on each.

    Exit 9 when a device is not healthy, has no deployment or cannot be asked. TOK/S was measured when it was proven.
    """
    from jetson_deploy.fleet.verbs.healths import health

    results = ask_each(fleet, health)
    return answer_rows(fleet, "status", results, heads=HEADS, cells=_cells, done="healthy")


def _cells(result: DeviceResult) -> Sequence[object]:
    from jetson_deploy.fleet.verbs.healths import Health

    found = document_of(Health, result)
    if found is None:
        return (None,) * len(HEADS)
    rate = found.tokens_per_second_proven
    alarm = found.alarm or ("CPU accepted" if found.accept_cpu else "")
    if found.simulated:
        alarm = f"{alarm}; simulated: {found.simulated}" if alarm else f"simulated: {found.simulated}"
    return found.model, None if rate is None else f"{rate:.1f}", when(found.proven_at or ""), alarm
