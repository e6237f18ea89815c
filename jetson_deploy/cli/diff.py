"""`diff`: what differs between two revisions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from jetson_deploy.cli.notes import tell_notes
from jetson_deploy.cli.options import acting, read_everyday
from jetson_deploy.cli.render import answer, print_for_programs
from jetson_deploy.cli.terse import WIDTH, short_digests

if TYPE_CHECKING:
    from jetson_deploy.deploy.history import Comparison


@click.command("diff")
@click.argument("before", metavar="A")
@click.argument("after", metavar="[B]", default="current")
@acting
def command(**options: Any) -> None:
    """What differs between the revisions A and B (default: current); numbers, `current` or `previous`."""
    from jetson_deploy.deploy.history import compare
    from jetson_deploy.settings import check_acts_here

    before, after = options.pop("before"), options.pop("after")
    shared = read_everyday(options)
    check_acts_here(shared.root, shared.settings, "diff")
    found = compare(shared.settings, shared.name, before, after, tell_notes(shared))
    if shared.as_json or shared.as_events:
        print_for_programs(found, as_events=shared.as_events, simulated=shared.settings.rehearsal)
    else:
        answer(_text(found, shared.settings.rehearsal))


def _text(found: Comparison, rehearsal: str | None) -> str:
    lines = [f"simulated: {rehearsal}"] if rehearsal else []
    between = f"revision {found.before} -> {found.after}"
    if not found.changes:
        return "\n".join([*lines, f"{between}: no differences"])
    rows = [(one.field, f"{one.before} -> {one.after}") for one in found.changes]
    width = max(len(field) for field, _ in rows)
    for field, change in rows:
        text = short_digests(change)
        if width + 2 + len(text) > WIDTH:
            text = text.replace(" -> ", f"\n{'':{width}}  -> ", 1)
        lines.append(f"{field:<{width}}  {text}")
    return "\n".join([*lines[: bool(rehearsal)], f"{between}:", *lines[bool(rehearsal) :]])
