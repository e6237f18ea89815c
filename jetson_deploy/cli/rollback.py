"""`rollback`: an earlier revision again."""

from __future__ import annotations

import click

from jetson_deploy.cli import candidates
from jetson_deploy.cli.finish import finish
from jetson_deploy.cli.options import CommonOptions, acting, waiting
from jetson_deploy.cli.reporters import chosen_reporter


@click.command("rollback")
@click.argument("revision", required=False, type=click.IntRange(min=1), shell_complete=candidates.rollback_targets)
@acting
@waiting
@click.option("--plan", "only_plan", is_flag=True, help="Show what would be done, and change nothing.")
@click.option("--force", is_flag=True, help="Allow a revision that failed, or the deployed one.")
def command(*, common: CommonOptions, revision: int | None, wait: bool, only_plan: bool, force: bool) -> int:
    """Deploy REVISION again, as it was, with its image, model manifest and settings.

    Without REVISION it is the one before the current; after `down` the one that was removed.

    It gets a new number, is proven by its own gates, and replaces the current one only then. `history` lists them.
    """
    from jetson_deploy.cli.plan_text import plan_text
    from jetson_deploy.cli.up import finish_change
    from jetson_deploy.deploy.opened import runtime_of
    from jetson_deploy.deploy.rollback import roll_back, rollback_plan
    from jetson_deploy.deploy.up import Run
    from jetson_deploy.deployment.request import as_deployed
    from jetson_deploy.server.opened import open_server

    settings = common.settings
    request = as_deployed(common.name, settings, force=force)
    with chosen_reporter(common, in_phases=not only_plan) as report:
        run = Run(
            request=request,
            settings=settings,
            runtime=runtime_of(settings, common.name),
            servers=open_server,
            root=common.root,
            store=None,
            catalog=common.catalog(),
            report=report,
            wait=wait,
        )
        if only_plan:
            plan = rollback_plan(run, revision)
            following = "nothing was changed; the same command without --plan carries it out"
            shown = plan_text(plan, verbose=common.verbose, following=following)
            return finish(common, plan, lambda: shown, simulated=settings.rehearsal, also_as_line=True)
        outcome = roll_back(run, revision)
    return finish_change(common, outcome)
