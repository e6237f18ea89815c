"""`monitor serve`: Prometheus, JSON and the live page; with --record the history too, all in one process."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from jetson_deploy.cli.monitor.listeners import alert_sinks, recorder
from jetson_deploy.cli.monitor.options import alerting, monitored, opened, served
from jetson_deploy.cli.options import Everyday, not_offered, read_everyday
from jetson_deploy.cli.render import answer, print_event
from jetson_deploy.cli.reporters import chosen_reporter
from jetson_deploy.errors import UsageError
from jetson_deploy.events import Finished, Note, Reporter

if TYPE_CHECKING:
    from jetson_deploy.monitor.monitor import Listener
    from jetson_deploy.monitor.serve.server import MonitorServer

_PERIOD, _RECORDING_PERIOD = 1.0, 5.0
"""Seconds; the second is gentle to SD cards."""
_MOST_SIZE = "512M"
_ENDED = "monitor ended: nothing is served any more"


@click.command("serve")
@not_offered("--json")
@monitored
@served
@click.option("--record", "recording", is_flag=True, help="Record into the history too, in this process.")
@click.option(
    "--db",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="With --record: another history than the default one.",
)
@click.option(
    "--max-size",
    metavar="SIZE",
    help="With --record: default 512M; of all files of the history together; the oldest samples go first.",
)
@alerting
@click.option(
    "--tap",
    metavar="HOST:PORT",
    help="Also pass requests through to the server here, and count their tokens (for Ollama below 0.30).",
)
def command(**options: Any) -> None:
    """Prometheus text at /metrics, a live page at /, /healthz, and JSON at /api/sample, until it is systemd to end.

    A scrape reads the last sample and never touches the hardware. On loopback unless systemd otherwise; there is no
    login, so put a reverse proxy with one in front of what strangers can reach.
    """
    shared = read_everyday(options)
    if shared.as_json:
        raise UsageError(
            "serve streams: it has no --json", hint="`monitor --once --json` prints one sample", code="usage"
        )
    if options["db"] and not options["recording"]:
        raise UsageError("--db names a history, and nothing is recorded", hint="add --record", code="usage")
    if options["max_size"] and not options["recording"]:
        raise UsageError("--max-size bounds a history, and nothing is recorded", hint="add --record", code="usage")
    with chosen_reporter(shared) as report:
        _serve(shared, report, options)
    if shared.as_events:
        print_event(Finished(exit_code=0, result="done", message=_ENDED))
    else:
        answer(_ENDED)


def _serve(shared: Everyday, report: Reporter, options: dict[str, Any]) -> None:
    from jetson_deploy.interrupts import stop_on_interruption
    from jetson_deploy.monitor.serve.listen import parse_listen
    from jetson_deploy.monitor.serve.server import MonitorServer
    from jetson_deploy.monitor.serve.systemd_status import SystemdStatus

    listen = parse_listen(options.pop("listen"))
    tap = _tap(shared, options)
    period = _RECORDING_PERIOD if options["recording"] else _PERIOD
    with stop_on_interruption() as stop, contextlib.ExitStack() as closing:
        systemd = SystemdStatus()
        listeners = [*_listeners(shared, options, report, closing), systemd]
        monitor = opened(shared, options, listeners=listeners, period=period, tap=tap)
        closing.callback(monitor.close)
        server = MonitorServer(monitor, listen)
        server.start()
        closing.callback(server.close)
        for note in announcement(server, tap):
            report(note)
        systemd.serving = server.url
        monitor.run(stop)
        systemd.ending()


def _tap(shared: Everyday, options: dict[str, Any]) -> tuple[str, int] | None:
    from jetson_deploy.monitor.serve.listen import EXAMPLE_TAP, parse_listen
    from jetson_deploy.settings import acts_here

    if options["tap"] is None:
        return None
    if options["no_model"] or not (options["endpoint"] or acts_here(shared.root, shared.settings)):
        why = "--no-model is given" if options["no_model"] else "the board is a captured one"
        raise UsageError(
            f"--tap has no server to pass requests to: {why}", hint="--endpoint URL names one", code="usage"
        )
    return parse_listen(options["tap"], "--tap", EXAMPLE_TAP)


def _listeners(
    shared: Everyday, options: dict[str, Any], report: Reporter, closing: contextlib.ExitStack
) -> list[Listener]:
    def say(text: str) -> None:
        report(Note(level="warning", text=text))

    listeners = alert_sinks(options["alerts"], say, closing)
    if options["recording"]:
        listeners.append(recorder(shared.settings, options["db"], options["max_size"] or _MOST_SIZE, say, closing))
    return listeners


def announcement(server: MonitorServer, tap: tuple[str, int] | None) -> list[Note]:
    """Where it serves, and a warning where others than this machine can come."""
    from jetson_deploy.monitor.serve.listen import url

    notes = []
    if not server.on_loopback:
        notes.append(Note(level="warning", text=f"everybody who reaches {server.url} can read it: there is no login"))
    notes.append(Note(level="info", text=f"page {server.url}, Prometheus {server.url}metrics; Ctrl-C ends it"))
    if tap is not None:
        notes.append(Note(level="info", text=f"ask {url(*tap)} instead of the server, and your tokens are counted"))
    return notes
