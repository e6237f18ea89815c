"""`fleet down`: remove the deployment on each device."""

from __future__ import annotations

import click

from jetson_deploy.cli.fleet.asked import ask_each
from jetson_deploy.cli.fleet.consent import ask_consent, confirmed
from jetson_deploy.cli.fleet.options import FleetOptions, fleet_options
from jetson_deploy.cli.fleet.rows import answer_rows

GOES_ON = "removals that began go on on their devices: jetson-deploy fleet status shows what serves"


@click.command("down")
@fleet_options
@confirmed
@click.option("--purge", is_flag=True, help="Also delete state, and images and models that the tool downloaded there.")
def command(*, fleet: FleetOptions, yes: bool, purge: bool) -> int:
    """Stop and remove the deployment's containers on each device. Asks first.

    Store and revisions are kept unless --purge is given, so that rollback can deploy them again. Exit 9 when it was
    not done on one of them.
    """
    from jetson_deploy.fleet.verbs.changes import brought, change

    what = "delete the deployment with its revisions, images and models" if purge else "remove the deployment"
    ask_consent(fleet, what, yes=yes)
    words = ("--purge", "--yes") if purge else ()
    results = ask_each(fleet, lambda connection: change(connection, "down", *words), goes_on=GOES_ON, change="down")
    return answer_rows(
        fleet, "down", results, heads=("REMOVED",), cells=lambda one: (brought(one.document or {}),), done="removed"
    )
