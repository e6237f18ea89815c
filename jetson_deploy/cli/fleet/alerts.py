"""`fleet alerts`: what a monitor would warn of, on each device."""

from __future__ import annotations

from collections.abc import Sequence

import click

from jetson_deploy.cli.fleet.asked import ask_each, document_of
from jetson_deploy.cli.fleet.options import FleetOptions, fleet_options
from jetson_deploy.cli.fleet.rows import answer_rows
from jetson_deploy.fleet.end_state import DeviceResult

_NAMED = 3


@click.command("alerts")
@fleet_options
def command(*, fleet: FleetOptions) -> int:
    """Show the alerts whose condition holds on each device, sampled for two seconds; hold times are not applied.

    Exit 9 when a warning or a critical alert holds on a device, or it cannot be asked. Silenced ones do not count.
    """
    from jetson_deploy.fleet.verbs.alarms import alarms

    results = ask_each(fleet, alarms)
    return answer_rows(fleet, "alerts", results, heads=("SEVERITY", "ALERTS"), cells=_cells, done="quiet")


def _cells(result: DeviceResult) -> Sequence[object]:
    from jetson_deploy.fleet.verbs.alarms import Alarms

    found = document_of(Alarms, result)
    if found is None:
        return None, None
    holding = found.holding
    names = [
        one.id + (f" ({one.subject})" if one.subject else "") + (" silenced" if one.silenced else "") for one in holding
    ]
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return holding[0].severity if holding else None, ", ".join(names[:_NAMED]) + more
