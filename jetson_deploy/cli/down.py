"""`down`: remove what is ours."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from jetson_deploy.cli.agree import must_agree
from jetson_deploy.cli.finish import finish
from jetson_deploy.cli.options import CommonOptions, acting, offered, waiting
from jetson_deploy.cli.render import say
from jetson_deploy.cli.reporters import chosen_reporter
from jetson_deploy.units import size_text

if TYPE_CHECKING:
    from jetson_deploy.deploy.down import Removed


@click.command("down")
@offered("--yes")
@acting
@click.option("--purge", is_flag=True, help="Also delete state, and images and models that this tool downloaded.")
@waiting
def command(*, common: CommonOptions, purge: bool, wait: bool) -> int:
    """Stop and remove the deployment's containers; containers of others are not touched.

    The store and the revisions are kept unless --purge is given, so that rollback can deploy them again.
    On a terminal --purge asks first.
    """
    from jetson_deploy.deploy.down import take_down

    catalog = common.catalog()
    if purge and not common.yes and sys.stdin.isatty() and sys.stderr.isatty():
        _confirm(common)
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


def _confirm(common: CommonOptions) -> None:
    """Raises InterruptedRunError where the answer is no."""
    from jetson_deploy.settings import check_acts_here
    from jetson_deploy.state.directory import StateDirectory

    check_acts_here(common.root, common.settings, "down")
    state = StateDirectory(common.settings.state_dir, common.name)
    owned, on_record = state.owned(), state.load()
    going = [f"image {image}" for image in owned.images] + [f"model {model.name}" for model in owned.models]
    revisions = len(on_record.revisions) if on_record else 0
    say(f"down --purge deletes of deployment {common.name!r}, so that rollback cannot bring it back:")
    for one in (
        "its containers",
        "its clients' keys, if it was exposed",
        f"its record ({revisions} revisions)",
        *going,
    ):
        say(f"  {one}")
    must_agree("Delete them?", "nothing was removed")


def _text(removed: Removed, name: str) -> str:
    if removed.result == "no-changes":
        return f"no changes: nothing of deployment {name!r} is here"
    what = [
        *(("the door on the network",) if removed.door_closed else ()),
        *removed.containers,
        *removed.images,
        *removed.models,
    ]
    freed = f", {size_text(removed.freed_bytes)} freed in the store" if removed.freed_bytes else ""
    return f"removed: {', '.join(what)}{freed}"
