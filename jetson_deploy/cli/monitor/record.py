"""`monitor record`: into the history, until it is told to end."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from jetson_deploy.cli.monitor.options import monitored, opened
from jetson_deploy.cli.options import Everyday, read_everyday
from jetson_deploy.cli.render import answer, print_event
from jetson_deploy.cli.reporters import chosen_reporter
from jetson_deploy.errors import UsageError
from jetson_deploy.events import Finished, Note, Reporter

if TYPE_CHECKING:
    from jetson_deploy.monitor.history.recorder import Recorder
    from jetson_deploy.monitor.monitor import Listener

_PERIOD = 5.0
"""Seconds."""


@click.command("record")
@monitored
@click.option("--db", type=click.Path(path_type=Path), metavar="FILE", help="Another history than the default one.")
@click.option(
    "--max-size",
    default="512M",
    show_default=True,
    metavar="SIZE",
    help="Of all files of the history together; the oldest samples go first.",
)
@click.option(
    "--alert",
    "alerts",
    multiple=True,
    metavar="SINK",
    help="Who is told when an alert begins or ends; repeatable. `monitor alerts --help` lists the sinks.",
)
def command(**options: Any) -> None:
    """Record samples, alerts and what was counted, until Ctrl-C or SIGTERM.

    Written once every 30 s. Every sample is kept for 7 days, the minimum, mean and maximum of each minute for 90.
    """
    shared = read_everyday(options)
    if shared.as_json:
        raise UsageError(
            "record has no one answer for --json", hint="`monitor history --json` tells what was recorded", code="usage"
        )
    with chosen_reporter(shared) as report:
        text = _record(shared, report, options)
    if shared.as_events:
        print_event(Finished(exit_code=0, result="done", message=text))
    else:
        answer(text)


def _record(shared: Everyday, report: Reporter, options: dict[str, Any]) -> str:
    from jetson_deploy.deploy.shield import stop_on_interruption

    def say(text: str) -> None:
        report(Note(level="warning", text=text))

    with stop_on_interruption() as stop, contextlib.ExitStack() as closing:
        listeners: list[Listener] = []
        if alerts := options.pop("alerts"):
            from jetson_deploy.monitor.alerts.sinks import open_sinks

            sinks = open_sinks(alerts, say)
            closing.callback(sinks.close)
            listeners.append(sinks)
        recorder = _recorder(shared, options, say)
        closing.callback(recorder.close)
        monitor = opened(shared, options, listeners=[recorder, *listeners], period=_PERIOD)
        closing.callback(monitor.close)
        where = f"recording into {recorder.path} every {monitor.period:g} s"
        report(Note(level="info", text=f"{where}; Ctrl-C ends it, jetson-deploy monitor history shows it"))
        monitor.run(stop)
    return f"recording ended: {recorder.path}"


def _recorder(shared: Everyday, options: dict[str, Any], say: Callable[[str], None]) -> Recorder:
    from jetson_deploy.monitor.history.default import LEAST_BYTES, Kept, default_path
    from jetson_deploy.monitor.history.recorder import Recorder
    from jetson_deploy.monitor.history.window import parse_size

    kept = Kept(most_bytes=parse_size(options.pop("max_size"), LEAST_BYTES))
    return Recorder(options.pop("db") or default_path(shared.settings), kept=kept, say=say)
