"""`self rollback`: the version before."""

from __future__ import annotations

import click

from jetson_deploy.cli.options import CommonOptions, acting, not_offered
from jetson_deploy.cli.reporters import chosen_reporter
from jetson_deploy.cli.self.forms import finished


@click.command("rollback")
@not_offered("--name", "--catalog")
@acting
def command(*, common: CommonOptions) -> int:
    """Use the version before again, once it answers. A second rollback comes back to this one."""
    from jetson_deploy.install.renewal import place_of, roll_back
    from jetson_deploy.own_copy import own_copy

    with chosen_reporter(common) as report:
        found = roll_back(place_of(own_copy()), report)
    return finished(common, found)
