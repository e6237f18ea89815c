"""`down`: remove what is ours."""

from __future__ import annotations

import click

from jetson_deploy.cli.options import CommonOptions, acting, waiting
from jetson_deploy.cli.render import answer, print_document, print_event
from jetson_deploy.cli.reporters import chosen_reporter
from jetson_deploy.events import Finished
from jetson_deploy.units import size_text


@click.command("down")
@acting
@click.option("--purge", is_flag=True, help="Also delete state, and images and models that this tool downloaded.")
@waiting
def command(*, common: CommonOptions, purge: bool, wait: bool) -> None:
    """Remove the deployment's containers, and nothing that is not ours.

    Store and revisions stay unless --purge: rollback brings it back.
    """
    from jetson_deploy.deploy.down import take_down

    catalog = common.catalog()
    with chosen_reporter(common) as report:
        removed = take_down(
            common.root,
            common.settings,
            catalog,
            common.name,
            purge=purge,
            wait=wait,
            report=report,
        )
    if common.as_events:
        print_event(Finished(exit_code=0, result=removed.result))
    elif common.as_json:
        print_document(removed, common.settings.rehearsal)
    elif removed.result == "no-changes":
        answer(f"no changes: nothing of deployment {common.name!r} is here")
    else:
        what = [*removed.containers, *removed.images, *removed.models]
        freed = f", {size_text(removed.freed_bytes)} freed in the store" if removed.freed_bytes else ""
        answer(f"removed: {', '.join(what)}{freed}")
