"""`up`: do it, prove it, or undo it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click
import msgspec

from jetson_deploy.cli.deploy_flags import read_wishes, runtime_for, wishes
from jetson_deploy.cli.finish import finish
from jetson_deploy.cli.layers import DeployFlags
from jetson_deploy.cli.options import CommonOptions, acting, waiting
from jetson_deploy.cli.reporters import chosen_reporter
from jetson_deploy.errors import PreflightError
from jetson_deploy.events import Note, Reporter

if TYPE_CHECKING:
    from jetson_deploy.deploy.outcome import Outcome
    from jetson_deploy.deployment.request import Request


@click.command("up")
@wishes
@acting
@waiting
@click.option("--force", is_flag=True, help="Redeploy even when nothing differs; retry a revision that failed.")
@click.option(
    "--when-idle",
    type=click.IntRange(min=1),
    metavar="SECONDS",
    help="Replace a server only when it was asked nothing for so long, else exit 75.",
)
def command(*, common: CommonOptions, wanted: DeployFlags, wait: bool, force: bool, when_idle: int | None) -> int:
    """Stage image and model, start the server, prove it with real tokens on the GPU, or undo everything.

    MODEL is a DeepSeek-R1 size (7b, deepseek-r1:7b), or the name of any model that is in the store (qwen3:8b);
    without it the largest size that fits is chosen, and a
    deployment that serves keeps its model.
    """
    from jetson_deploy.catalog.load import load_issues
    from jetson_deploy.deploy.up import Run, bring_up
    from jetson_deploy.server.opened import open_server

    request, store = read_wishes(wanted, common, force=force)
    with chosen_reporter(common, in_phases=True) as report:
        outcome = bring_up(
            Run(
                request=request,
                settings=common.settings,
                runtime=runtime_for(request, common),
                servers=open_server,
                root=common.root,
                store=store,
                catalog=common.catalog(),
                report=report,
                wait=wait,
                when_idle=when_idle,
                issues=load_issues(common.settings.catalog_dirs),
            )
        )
        _install_watch(common, request, report)
    return finish_change(common, outcome)


def finish_change(common: CommonOptions, outcome: Outcome) -> int:
    """Of `up` and `rollback`. What is simulated was said before the first step; with -q nothing is."""
    document = msgspec.to_builtins(outcome)
    text = None if common.quiet else lambda: served(document)
    return finish(common, outcome, text, result=outcome.result, message=summary(document))


def _install_watch(common: CommonOptions, request: Request, report: Reporter) -> None:
    """Where the file asks for it. Raises PreflightError: it serves, and the watch is not installed."""
    if request.watch is None or not request.watch.enabled:
        return
    if common.settings.rehearsal is not None:
        report(Note(level="simulated", text="a rehearsal installs no service; jetson-deploy watch runs one here"))
        return
    from jetson_deploy.watch.install import install

    overlays = {"JETSON_DEPLOY_CATALOG": ":".join(str(path.absolute()) for path in common.settings.catalog_dirs)}
    try:
        install(request.name, request.watch, overlays, report)
    except PreflightError as error:
        raise error.with_context(message=f"it serves, but the watch is not installed: {error.message}") from error


def summary(outcome: dict[str, Any]) -> str:
    """One line that stands alone, below what is simulated."""
    text = served(outcome)
    return f"simulated: {outcome['simulated']}\n{text}" if outcome["simulated"] else text


def served(outcome: dict[str, Any]) -> str:
    rate, share = outcome["tokens_per_second"], outcome["gpu_share"]
    facts = [f"{outcome['model']} at {outcome['endpoint']}", f"context {outcome['context_tokens']}"]
    if rate is not None and outcome["result"] == "done":
        facts.append(f"{rate:.1f} tok/s measured")
    if share is not None:
        facts.append(f"{share:.0%} on the GPU")
    if outcome["accept_cpu"]:
        facts.append("CPU accepted (--accept-cpu)")
    return ("no changes: " if outcome["result"] == "no-changes" else "serving: ") + ", ".join(facts)
