"""`diff`: what differs between two revisions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from jetson_deploy.cli import candidates
from jetson_deploy.cli.finish import finish
from jetson_deploy.cli.formatting import WIDTH, short_digests
from jetson_deploy.cli.notes import tell_notes
from jetson_deploy.cli.options import CommonOptions, acting

if TYPE_CHECKING:
    from jetson_deploy.deploy.history import Comparison


@click.command("diff")
@click.argument("before", metavar="A", shell_complete=candidates.compared)
@click.argument("after", metavar="[B]", default="current", shell_complete=candidates.compared)
@acting
def command(*, common: CommonOptions, before: str, after: str) -> int:
    """Show the differences between the revisions A and B (default: current): numbers, `current` or `previous`."""
    from jetson_deploy.deploy.history import compare
    from jetson_deploy.settings import check_acts_here

    check_acts_here(common.root, common.settings, "diff")
    found = compare(common.settings, common.name, before, after, tell_notes(common))
    simulated = common.settings.rehearsal
    return finish(common, found, lambda: _text(found, simulated), simulated=simulated, also_as_line=True)


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
