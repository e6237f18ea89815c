"""`key`: who may ask through the door. One module per command."""

from __future__ import annotations

import click

from jetson_deploy.cli.command_group import CommandGroup

COMMANDS = {
    "create": "Make a key for one client; it is shown once",
    "list": "List the keys, and until when each is valid",
    "revoke": "Refuse a key from now on; streams of others go on",
}


@click.command("key", cls=CommandGroup, listed=COMMANDS, package="jetson_deploy.cli.key")
def command() -> None:
    """Keys of the clients that may ask through `expose`: one for each, named, each with an end."""
