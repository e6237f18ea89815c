"""`down`: remove what is ours."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from jetson_deploy.cli.finish import finish
from jetson_deploy.cli.options import CommonOptions, acting, waiting
from jetson_deploy.cli.reporters import chosen_reporter
from jetson_deploy.units import size_text

if TYPE_CHECKING:
    from jetson_deploy.deploy.down import Removed


@click.command("down")
@acting
@click.option("--purge", is_flag=True, help="Also delete state, and images and models that this tool downloaded.")
@waiting
def command(*, common: CommonOptions, purge: bool, wait: bool) -> int:
    """Stop and remove the deployment's containers; containers of others are not touched.

    The store and the revisions are kept unless --purge is given, so that rollback can deploy them again.
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
    return finish(
        common,
        removed,
        None if common.quiet else lambda: _text(removed, common.name),
        result=removed.result,
        simulated=common.settings.rehearsal,
    )


def _text(removed: Removed, name: str) -> str:
    if removed.result == "no-changes":
        return f"no changes: nothing of deployment {name!r} is here"
    what = [*removed.containers, *removed.images, *removed.models]
    freed = f", {size_text(removed.freed_bytes)} freed in the store" if removed.freed_bytes else ""
    return f"removed: {', '.join(what)}{freed}"
