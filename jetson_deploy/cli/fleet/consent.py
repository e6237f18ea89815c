"""Before a change of many devices: which ones, and whether it is wanted."""

from __future__ import annotations

import sys

import click

from jetson_deploy.cli.agree import must_agree
from jetson_deploy.cli.fleet.cells import cell, many
from jetson_deploy.cli.fleet.options import FleetOptions
from jetson_deploy.cli.render import say
from jetson_deploy.errors import UsageError

_NAMED = 10

confirmed = click.option("--yes", is_flag=True, help="Do not ask.")


def ask_consent(fleet: FleetOptions, what: str, *, yes: bool) -> None:
    """Raises UsageError where there is no terminal to ask at, InterruptedRunError where the answer is no."""
    if yes:
        return
    names = [cell(device.name) for device in fleet.devices]
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    where = f"{many(len(names))}: {', '.join(names[:_NAMED])}{more}"
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        text = f"{what} on {where}: there is no terminal to ask on"
        raise UsageError(text, hint="--yes does it without asking", code="not-confirmed")
    say(f"{what} on {where}")
    must_agree("Go on?")
