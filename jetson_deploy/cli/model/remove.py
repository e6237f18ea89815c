"""`model remove`: take one model out."""

from __future__ import annotations

from pathlib import Path

import click

from jetson_deploy.cli.finish import finish
from jetson_deploy.cli.model.narration import advise, item_lines, shows_first
from jetson_deploy.cli.model.options import store_options
from jetson_deploy.cli.options import CommonOptions, offered
from jetson_deploy.cli.reporters import chosen_reporter
from jetson_deploy.store.layout import StorePaths
from jetson_deploy.store.maintenance.remove import RemovedModel
from jetson_deploy.units import size_text


@click.command("remove")
@offered("--yes")
@click.argument("model", metavar="NAME")
@store_options
@click.option(
    "--dry-run", is_flag=True, help="Only show what would be removed; the default on a terminal without --yes."
)
def command(*, common: CommonOptions, store: Path, model: str, dry_run: bool) -> int:
    """Remove the model NAME from the store, with the blobs that no other model needs.

    Refused while a deployment or a running process uses it.
    """
    from jetson_deploy.cli.model.names import stored_name
    from jetson_deploy.interrupts import stop_on_interruption
    from jetson_deploy.state.records import check_not_deployed
    from jetson_deploy.store.maintenance.presence import check_has_manifests
    from jetson_deploy.store.maintenance.remove import take_out

    check_has_manifests(StorePaths(store))
    name = stored_name(model, store)
    check_not_deployed(name, store, common.settings.state_dir)
    dry_run = shows_first(common, dry_run)
    with chosen_reporter(common) as report, stop_on_interruption() as stop:
        removed = take_out(store, name, dry_run=dry_run, report=report, stop=stop)
    finish(
        common,
        removed,
        lambda: _text(removed),
        result=removed.result,
        simulated=common.settings.rehearsal,
        also_as_line=True,
    )
    if removed.result == "dry-run":
        advise(f"jetson-deploy model remove {name.short} --store {store} --yes removes it", common)
    return 0


def _text(removed: RemovedModel) -> str:
    lines = item_lines(removed.removed, removed.kept)
    lines += [f"note: {note}" for note in removed.notes]
    what = "would remove" if removed.result == "dry-run" else "removed"
    return "\n".join([*lines, f"{what}: {removed.name}, {size_text(removed.freed_bytes)} freed in {removed.store}"])
