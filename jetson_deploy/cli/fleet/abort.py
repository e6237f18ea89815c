"""`fleet abort`: asked of the controller that works on a rollout, from another shell."""

from __future__ import annotations

import click

from jetson_deploy.cli.fleet.asking import ask_controller
from jetson_deploy.cli.fleet.records import ROLLOUT, RecordOptions, record_options


@click.command("abort", context_settings={"ignore_unknown_options": True})
@ROLLOUT
@record_options
def command(*, form: RecordOptions, rollout: str | None) -> int:
    """End a rollout that runs: no further device is begun, and those at work go on to their end.

    ROLLOUT is a number of `fleet history`, -1 for the last, or an id or a part of one; default: the last.
    """
    return ask_controller(form, rollout, "abort")
