"""`logs`: the server's log."""

from __future__ import annotations

import sys
from typing import Any

import click

from jetson_deploy.cli.options import everyday, read_everyday
from jetson_deploy.cli.streams import told, write


@click.command("logs")
@everyday
@click.option("-f", "--follow", is_flag=True, help="Go on until Ctrl-C.")
@click.option("--tail", type=click.IntRange(1, 100_000), default=200, show_default=True, help="Lines from the end.")
def command(**options: Any) -> None:
    """The server's log, as the engine keeps it."""
    from jetson_deploy.deploy.hands import engine
    from jetson_deploy.deploy.status import find_deployment
    from jetson_deploy.engine import containers

    shared = read_everyday(options)
    serving = find_deployment(shared.root, shared.settings, shared.catalog(), shared.name, "logs")
    client = engine(shared.settings)
    if not options["follow"]:
        write(sys.stdout, containers.logs(client, serving.container, tail=options["tail"]))
        return
    for chunk in containers.follow_logs(client, serving.container, tail=options["tail"]):
        with told(sys.stdout):
            sys.stdout.buffer.write(chunk)
            sys.stdout.buffer.flush()
