"""`down`: remove what is ours."""

from __future__ import annotations

from typing import Any

import click

from jetson_deploy.cli.options import acting, read_everyday, waiting
from jetson_deploy.cli.render import answer, print_document, print_event
from jetson_deploy.cli.reporters import chosen_reporter
from jetson_deploy.events import Finished
from jetson_deploy.units import size_text


@click.command("down")
@acting
@click.option("--purge", is_flag=True, help="Also delete state, and images and models that this tool downloaded.")
@waiting
def command(**options: Any) -> None:
    """Remove the deployment's containers, and nothing that is not ours.

    Store and revisions stay unless --purge: rollback brings it back.
    """
    from jetson_deploy.deploy.down import take_down

    shared = read_everyday(options)
    catalog = shared.catalog()
    with chosen_reporter(shared) as report:
        removed = take_down(
            shared.root,
            shared.settings,
            catalog,
            shared.name,
            purge=options["purge"],
            wait=options["wait"],
            report=report,
        )
    if shared.as_events:
        print_event(Finished(exit_code=0, result=removed.result))
    elif shared.as_json:
        print_document(removed, shared.settings.rehearsal)
    elif removed.result == "no-changes":
        answer(f"no changes: nothing of deployment {shared.name!r} is here")
    else:
        what = [*removed.containers, *removed.images, *removed.models]
        freed = f", {size_text(removed.freed_bytes)} freed in the store" if removed.freed_bytes else ""
        answer(f"removed: {', '.join(what)}{freed}")
