"""`fleet resume`: a rollout taken up again where its record, and its devices, say that it stands."""

from __future__ import annotations

from pathlib import Path

import click

from jetson_deploy.cli.finish import finish
from jetson_deploy.cli.fleet.options import FleetOptions, rollout_fleet_options
from jetson_deploy.cli.fleet.rolling import PYTHON_ARCHIVE, ROLLBACK_ALL, WHEELHOUSE, Tools, carry_to_the_end


@click.command("resume", context_settings={"ignore_unknown_options": True})
@rollout_fleet_options
@ROLLBACK_ALL
@WHEELHOUSE
@PYTHON_ARCHIVE
def command(
    *,
    fleet: FleetOptions,
    rollout: str | None,
    rollback_all: bool,
    wheelhouse: Path | None,
    python_archives: Path | None,
) -> int:
    """Take a rollout up again: after an interruption, a lost network or a pause, or when lost devices are back.

    Devices that were begun are asked first; what runs there is followed, what has ended is taken as it is, and `up` is
    never begun a second time. Then the rest follows, in the same batches.

    ROLLOUT is a number of `fleet history`, -1 for the last, or an id or a part of one; default: the last.
    """
    from jetson_deploy.cli.fleet.running import transports
    from jetson_deploy.fleet.rollout.begin import check_same
    from jetson_deploy.fleet.rollout.control import withdraw
    from jetson_deploy.fleet.rollout.kept import directory_of
    from jetson_deploy.fleet.rollout.record import is_worked_on, taken

    directory = directory_of(fleet.settings.fleet_dir, rollout)
    if withdraw(directory) and is_worked_on(directory):
        text = f"rollout {directory.name} goes on; its controller is told"
        return finish(
            fleet, {"schema": "jetson-deploy.fleet-asked/1", "id": directory.name, "asked": "go-on"}, lambda: text
        )
    with taken(directory) as (record, story):
        check_same(story.opened, {device.name: device for device in fleet.inventory.devices})
        back = rollback_all or story.opened.rollback_all
        tools = Tools(wheelhouse=wheelhouse, python_archives=python_archives)
        return carry_to_the_end(fleet, transports(fleet)(), record, story, tools, rollback_all=back)
