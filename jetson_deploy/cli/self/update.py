"""`self update`: from a file of `self package`, a directory or a clone, without any network."""

from __future__ import annotations

from pathlib import Path

import click

from jetson_deploy.cli.options import CommonOptions, acting, not_offered
from jetson_deploy.cli.reporters import chosen_reporter
from jetson_deploy.cli.self.forms import finished


@click.command("update")
@not_offered("--name", "--catalog")
@acting
@click.option(
    "--wheelhouse",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    metavar="DIR",
    help="Wheels of what a clone needs; default: those of this version.",
)
@click.argument("given", type=click.Path(path_type=Path, exists=True), metavar="FROM")
def command(*, common: CommonOptions, given: Path, wheelhouse: Path | None) -> int:
    """Install the version that is in FROM: a directory of wheels, a file of `self package`, or a clone.

    No package index is asked. The new version must say its version and read this board before it is used, and the one
    before stays for `jetson-deploy self rollback`. Services of watch and monitor go on with the new one.
    """
    from jetson_deploy.install.renewal import place_of, update
    from jetson_deploy.own_copy import own_copy

    with chosen_reporter(common) as report:
        found = update(place_of(own_copy()), given.absolute(), wheelhouse, report)
    return finished(common, found)
