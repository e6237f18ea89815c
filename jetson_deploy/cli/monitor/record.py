"""`monitor record`: write samples into the history, until it is stopped."""

from __future__ import annotations

import contextlib
from pathlib import Path

import click

from jetson_deploy.cli.finish import finish
from jetson_deploy.cli.monitor.listeners import alert_sinks, recorder
from jetson_deploy.cli.monitor.options import MonitorOptions, alerting, monitored, opened
from jetson_deploy.cli.options import CommonOptions, not_offered
from jetson_deploy.cli.reporters import chosen_reporter
from jetson_deploy.errors import UsageError
from jetson_deploy.events import Note, Reporter

_PERIOD = 5.0
"""Seconds."""


@click.command("record")
@not_offered("--json")
@monitored
@click.option(
    "--db", type=click.Path(path_type=Path), metavar="FILE", help="History file to write; default: the usual one."
)
@click.option(
    "--max-size",
    default="512M",
    show_default=True,
    metavar="SIZE",
    help="Maximum size of the history on disk; the oldest samples are deleted first.",
)
@alerting
def command(
    *, common: CommonOptions, looking: MonitorOptions, db: Path | None, max_size: str, alerts: tuple[str, ...]
) -> int:
    """Record samples, alerts and what was counted, until Ctrl-C or SIGTERM.

    Written once every 30 s. Every sample is kept for 7 days, the minimum, mean and maximum of each minute for 90.
    """
    if common.as_json:
        raise UsageError(
            "record streams: it has no --json", hint="`monitor history --json` shows what was recorded", code="usage"
        )
    with chosen_reporter(common) as report:
        text = _record(common, looking, report, alerts, recorded=(db, max_size))
    return finish(common, None, lambda: text, message=text)


def _record(
    common: CommonOptions,
    looking: MonitorOptions,
    report: Reporter,
    alerts: tuple[str, ...],
    recorded: tuple[Path | None, str],
) -> str:
    """`recorded`: the history's file, and its largest size."""
    from jetson_deploy.interrupts import stop_on_interruption

    def say(text: str) -> None:
        report(Note(level="warning", text=text))

    with stop_on_interruption() as stop, contextlib.ExitStack() as closing:
        sinks = alert_sinks(alerts, say, closing)
        history = recorder(common.settings, *recorded, say, closing)
        monitor = opened(common, looking, listeners=[history, *sinks], period=_PERIOD)
        closing.callback(monitor.close)
        where = f"recording into {history.path} every {monitor.period:g} s"
        report(Note(level="info", text=f"{where}; Ctrl-C ends it, jetson-deploy monitor history shows it"))
        monitor.run(stop)
    return f"recording ended: {history.path}"
