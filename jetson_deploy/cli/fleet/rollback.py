"""`fleet rollback`: the revision before again, on each device."""

from __future__ import annotations

import click

from jetson_deploy.cli.fleet.asked import ask_each
from jetson_deploy.cli.fleet.consent import ask_consent, confirmed
from jetson_deploy.cli.fleet.options import FleetOptions, fleet_options
from jetson_deploy.cli.fleet.rows import answer_rows

GOES_ON = "rollbacks that began go on on their devices: jetson-deploy fleet status shows when they ended"


@click.command("rollback")
@fleet_options
@confirmed
def command(*, fleet: FleetOptions, yes: bool) -> int:
    """Deploy on each device the revision before its current one again, proven by its own gates.

    All devices at once: choose with HOST and --limit. Asks first. Each runs as a unit of its own, which goes on when
    the connection ends. Exit 9 when one of them is not proven.
    """
    from jetson_deploy.fleet.verbs.changes import brought, change

    ask_consent(fleet, "roll back to the revision before", yes=yes)
    results = ask_each(fleet, lambda connection: change(connection, "rollback"), goes_on=GOES_ON, change="rollback")
    return answer_rows(fleet, "rollback", results, heads=("MODEL",), cells=lambda one: (brought(one.document or {}),))
