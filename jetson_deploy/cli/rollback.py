"""`rollback`: an earlier revision again."""

from __future__ import annotations

from typing import Any

import click
import msgspec

from jetson_deploy.cli.options import acting, read_everyday, waiting
from jetson_deploy.cli.render import answer, print_document, print_event, print_for_programs
from jetson_deploy.cli.reporters import chosen_reporter
from jetson_deploy.events import Finished


@click.command("rollback")
@click.argument("revision", required=False, type=click.IntRange(min=1))
@acting
@waiting
@click.option("--plan", "only_plan", is_flag=True, help="Show what would be done, and change nothing.")
@click.option("--force", is_flag=True, help="Allow a revision that failed, or the deployed one.")
def command(**options: Any) -> None:
    """Deploy REVISION again, as it was, with its image, model manifest and settings; without it the one before.

    It gets a new number, is proven by its own gates, and replaces the current one only then. `history` lists them.
    """
    from jetson_deploy.cli.plan_text import plan_text
    from jetson_deploy.cli.up import summary
    from jetson_deploy.deploy.rollback import roll_back, rollback_plan
    from jetson_deploy.deploy.up import Run
    from jetson_deploy.deployment.request import Request

    shared = read_everyday(options)
    settings = shared.settings
    request = Request(
        name=shared.name,
        registry=settings.registry,
        image_registry=settings.image_registry,
        simulated=settings.rehearsal,
        force=options["force"],
        stability_seconds=settings.stability_seconds,
    )
    with chosen_reporter(shared) as report:
        run = Run(
            request=request,
            settings=settings,
            root=shared.root,
            store=None,
            catalog=shared.catalog(),
            report=report,
            wait=options["wait"],
        )
        if options["only_plan"]:
            plan = rollback_plan(run, options["revision"])
            if shared.as_json or shared.as_events:
                print_for_programs(plan, as_events=shared.as_events, simulated=settings.rehearsal)
            else:
                following = "nothing was changed; the same command without --plan carries it out"
                answer(plan_text(plan, verbose=shared.verbose, following=following))
            return
        outcome = roll_back(run, options["revision"])
    text = summary(msgspec.to_builtins(outcome))
    if shared.as_events:
        print_event(Finished(exit_code=0, result=outcome.result, message=text))
    elif shared.as_json:
        print_document(outcome)
    else:
        answer(text)
