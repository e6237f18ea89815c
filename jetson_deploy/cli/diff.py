"""`diff`: what differs between two revisions."""

from __future__ import annotations

from typing import Any

import click

from jetson_deploy.cli.options import everyday, read_everyday
from jetson_deploy.cli.render import answer, print_for_programs, table
from jetson_deploy.cli.reporters import chosen_reporter


@click.command("diff")
@click.argument("before", metavar="A")
@click.argument("after", metavar="[B]", default="current")
@everyday
def command(**options: Any) -> None:
    """What differs between the revisions A and B (default: current); numbers, `current` or `previous`."""
    from jetson_deploy.deploy.history import compare

    before, after = options.pop("before"), options.pop("after")
    shared = read_everyday(options)
    with chosen_reporter(shared) as report:
        found = compare(shared.settings, shared.name, before, after, report)
    if shared.as_json or shared.as_events:
        print_for_programs(found, as_events=shared.as_events, simulated=shared.settings.rehearsal)
    elif found.changes:
        rows = [(c.field, f"{c.before} -> {c.after}") for c in found.changes]
        answer(table([(f"revision {found.before} -> {found.after}", ""), *rows]))
    else:
        answer(f"no differences between the revisions {found.before} and {found.after}")
