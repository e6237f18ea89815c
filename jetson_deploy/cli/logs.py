"""`logs`: the server's log."""

from __future__ import annotations

import sys
from typing import Any

import click

from jetson_deploy.cli.options import everyday, read_everyday


@click.command("logs")
@everyday
@click.option("-f", "--follow", is_flag=True, help="Go on until Ctrl-C.")
@click.option("--tail", type=click.IntRange(1, 100_000), default=200, show_default=True, help="Lines from the end.")
def command(**options: Any) -> None:
    """The server's log, as the engine keeps it."""
    from jetson_deploy.deploy.hands import engine
    from jetson_deploy.deploy.status import require_serving
    from jetson_deploy.deploy.survey import check_acts_here, survey
    from jetson_deploy.engine import containers
    from jetson_deploy.plan.preflight import check_engine_reachable

    shared = read_everyday(options)
    check_acts_here(shared.root, shared.settings, "logs")
    facts = survey(shared.root, shared.settings, shared.catalog(), store=None, deployment=shared.name)
    check_engine_reachable(facts)
    serving = require_serving(facts, shared.name)
    client = engine(shared.settings)
    if not options["follow"]:
        sys.stdout.write(containers.logs(client, serving.container, tail=options["tail"]))
        return
    for chunk in containers.follow_logs(client, serving.container, tail=options["tail"]):
        sys.stdout.buffer.write(chunk)
        sys.stdout.buffer.flush()
