"""`monitor`: what board and model do, live; and its commands, one module each."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import click

from jetson_deploy.cli.command_group import CommandGroup, WrongUsage
from jetson_deploy.cli.monitor.options import MonitorOptions, monitored
from jetson_deploy.cli.options import CommonOptions, not_offered

COMMANDS = {
    "serve": "Serve Prometheus metrics, JSON and a live page",
    "record": "Write samples into the history, until it is stopped",
    "history": "Show what was recorded: a summary, CSV or JSON lines",
    "plot": "Plot recorded series as PNG or one HTML file",
    "why-slow": "Show what holds the model back, with evidence and remedy",
    "alerts": "List alert rules, silence them, test sinks",
    "dashboards": "Write Grafana dashboard, Prometheus rules, compose file",
    "install": "Install recorder and exporter as a systemd service",
}


def _without_verb(command: Callable[..., int]) -> Callable[..., int]:
    """With a command the group itself does nothing, and reads no option."""

    @functools.wraps(command)
    def called(**given: Any) -> int:
        ctx = click.get_current_context()
        if ctx.invoked_subcommand is None:
            return command(**given)
        _refuse_lost_options(ctx)
        return 0

    return called


@click.group(
    "monitor", cls=CommandGroup, listed=COMMANDS, package="jetson_deploy.cli.monitor", invoke_without_command=True
)
@_without_verb
@not_offered("--events")
@monitored
@click.option("--once", is_flag=True, help="Print one sample and exit.")
@click.option(
    "--check",
    is_flag=True,
    help="With --once: exit 1 when a warning or a critical alert fires, 3 when the board cannot be read.",
)
@click.option("--jsonl", is_flag=True, help="One JSON line for each sample, until it is interrupted.")
def command(*, common: CommonOptions, looking: MonitorOptions, once: bool, check: bool, jsonl: bool) -> int:
    """Watch the board and the model live: no root, no service, nothing to install.

    A terminal gets a view with keys (h lists them), a pipe plain lines. What cannot be read is shown as -, never as 0.
    """
    from jetson_deploy.cli.monitor.live import show

    return show(common, looking, once=once, check=check, jsonl=jsonl)


def _refuse_lost_options(ctx: click.Context) -> None:
    """An option before the command would be lost without a word."""
    given = [
        option
        for option in ctx.params
        if ctx.get_parameter_source(option) not in (None, click.core.ParameterSource.DEFAULT)
    ]
    if given:
        raise WrongUsage(
            f"options stand behind the command `{ctx.invoked_subcommand}`",
            f"jetson-deploy monitor {ctx.invoked_subcommand} [OPTIONS]",
        )
