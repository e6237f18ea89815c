"""`self`: this tool itself. One module per command."""

from __future__ import annotations

import click

from jetson_deploy.cli.command_group import CommandGroup

COMMANDS = {
    "update": "Install another version, and use it once it answers",
    "rollback": "Go back to the version before",
    "package": "Write this version as one file for a board without a network",
}


@click.command("self", cls=CommandGroup, listed=COMMANDS, package="jetson_deploy.cli.self")
def command() -> None:
    """The tool itself: another version, back, and as a file for a board without a network."""
