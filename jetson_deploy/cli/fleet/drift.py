"""`fleet drift`: what is not as it was deployed."""

from __future__ import annotations

from collections.abc import Sequence

import click

from jetson_deploy.cli.fleet.asked import ask_each, document_of
from jetson_deploy.cli.fleet.options import FleetOptions, fleet_options
from jetson_deploy.cli.fleet.rows import answer_rows
from jetson_deploy.fleet.end_state import DeviceResult

HEADS = ("MODEL", "REVISION", "DIFFERENCES")


@click.command("drift")
@fleet_options
@click.option("--deep", is_flag=True, help="Hash the model's files on each device too.")
def command(*, fleet: FleetOptions, deep: bool) -> int:
    """Compare what serves on each device with what was deployed there. Exit 9 when one differs or cannot be asked."""
    from jetson_deploy.fleet.verbs.healths import drift

    results = ask_each(fleet, lambda connection: drift(connection, deep=deep))
    return answer_rows(fleet, "drift", results, heads=HEADS, cells=_cells, done="as-deployed")


def _cells(result: DeviceResult) -> Sequence[object]:
    from jetson_deploy.fleet.verbs.healths import Health

    found = document_of(Health, result)
    if found is None:
        return (None,) * len(HEADS)
    return found.model, found.revision, None if found.drift is None else len(found.drift)
