"""`model prune`: remove what no model needs."""

from __future__ import annotations

from pathlib import Path

import click

from jetson_deploy.cli.finish import finish
from jetson_deploy.cli.finite_range import FiniteRange
from jetson_deploy.cli.model.narration import advise, count, item_lines, shows_first
from jetson_deploy.cli.model.options import store_options
from jetson_deploy.cli.options import CommonOptions, offered
from jetson_deploy.cli.reporters import chosen_reporter
from jetson_deploy.store.maintenance.collect import MIN_AGE_SECONDS, Collected
from jetson_deploy.units import size_text


@click.command("prune")
@offered("--yes")
@store_options
@click.option(
    "--dry-run", is_flag=True, help="Only show what would be removed; the default on a terminal without --yes."
)
@click.option(
    "--min-age",
    "min_age_seconds",
    type=FiniteRange(min=0),
    default=MIN_AGE_SECONDS,
    show_default=True,
    metavar="SECONDS",
    help="Keep files newer than SECONDS: a download may still be running.",
)
def command(*, common: CommonOptions, store: Path, dry_run: bool, min_age_seconds: float) -> int:
    """Remove blobs that no model, no deployment's earlier revision and no running process needs, and old downloads.

    Files of others are not touched, and nothing is removed while any manifest cannot be read.
    """
    from jetson_deploy.interrupts import stop_on_interruption
    from jetson_deploy.state.records import wanted_manifests
    from jetson_deploy.store.maintenance.collect import collect

    dry_run = shows_first(common, dry_run)
    kept = wanted_manifests(common.settings.state_dir)
    with chosen_reporter(common) as report, stop_on_interruption() as stop:
        collected = collect(
            store,
            kept=kept,
            min_age_seconds=min_age_seconds,
            dry_run=dry_run,
            report=report,
            stop=stop,
        )
    finish(
        common,
        collected,
        lambda: _text(collected),
        result=collected.result,
        simulated=common.settings.rehearsal,
        also_as_line=True,
    )
    if collected.result == "dry-run" and collected.removed:
        advise(f"jetson-deploy model prune --store {store} --yes removes them", common)
    return 0


def _text(collected: Collected) -> str:
    lines = item_lines(collected.removed, collected.kept)
    lines += [f"foreign, not touched: blobs/{name}" for name in collected.foreign]
    lines += [f"note: {note}" for note in collected.notes]
    what = f"{count(len(collected.removed), 'file')}, {size_text(collected.freed_bytes)}"
    last = {
        "done": f"removed: {what}",
        "dry-run": f"would remove: {what}",
        "no-changes": f"nothing to remove in {collected.store}",
    }
    empty = collected.result == "dry-run" and not collected.removed
    return "\n".join([*lines, last["no-changes" if empty else collected.result]])
