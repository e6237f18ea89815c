"""`fleet show`: one rollout, with the end of every device."""

from __future__ import annotations

import click

from jetson_deploy.cli.finish import finish
from jetson_deploy.cli.fleet.records import ROLLOUT, RecordOptions, record_options, rollout_lines


@click.command("show", context_settings={"ignore_unknown_options": True})
@ROLLOUT
@record_options
def command(*, form: RecordOptions, rollout: str | None) -> int:
    """Show a rollout: its batches, and every device with the state it ended in and the reason.

    ROLLOUT is a number of `fleet history`, -1 for the last, or an id or a part of one; default: the last.
    """
    from jetson_deploy.fleet.rollout.kept import directory_of
    from jetson_deploy.fleet.rollout.summary import read_summary

    found = read_summary(directory_of(form.settings.fleet_dir, rollout))
    text = None if form.quiet else lambda: "\n".join(rollout_lines(found, verbose=form.verbose))
    return finish(form, found, text)
