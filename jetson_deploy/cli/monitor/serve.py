"""`monitor serve`: Prometheus, JSON and the live page; with --record the history too, all in one process."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from jetson_deploy.cli.finish import finish
from jetson_deploy.cli.monitor.listeners import alert_sinks, recorder
from jetson_deploy.cli.monitor.options import MonitorOptions, alerting, monitored, opened, served
from jetson_deploy.cli.options import CommonOptions, not_offered
from jetson_deploy.cli.reporters import chosen_reporter
from jetson_deploy.errors import UsageError
from jetson_deploy.events import Note, Reporter

if TYPE_CHECKING:
    from jetson_deploy.monitor.monitor import Listener
    from jetson_deploy.monitor.serve.server import MonitorServer

_PERIOD, _RECORDING_PERIOD = 1.0, 5.0
"""Seconds; the second is gentle to SD cards."""
_MOST_SIZE = "512M"
_ENDED = "monitor ended: nothing is served any more"


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    listen: str
    recording: bool
    db: Path | None
    max_size: str | None
    alerts: tuple[str, ...]
    tap: str | None


@click.command("serve")
@not_offered("--json")
@monitored
@served
@click.option("--record", "recording", is_flag=True, help="Also record into the history, in this process.")
@click.option(
    "--db",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="With --record: history file to write; default: the usual one.",
)
@click.option(
    "--max-size",
    metavar="SIZE",
    help="With --record: maximum size of the history on disk; default 512M; the oldest samples are deleted first.",
)
@alerting
@click.option(
    "--tap",
    metavar="HOST:PORT",
    help="Also listen here, pass requests on to the server and count their tokens (for Ollama below 0.30).",
)
def command(
    *,
    common: CommonOptions,
    looking: MonitorOptions,
    listen: str,
    recording: bool,
    db: Path | None,
    max_size: str | None,
    alerts: tuple[str, ...],
    tap: str | None,
) -> int:
    """Serve Prometheus text at /metrics, a live page at /, /healthz, and JSON at /api/sample, until it is stopped.

    A scrape reads the last sample and never touches the hardware. On loopback by default; there is no
    login, so put a reverse proxy with one in front of what strangers can reach.
    """
    if common.as_json:
        raise UsageError(
            "serve streams: it has no --json", hint="`monitor --once --json` prints one sample", code="usage"
        )
    if db and not recording:
        raise UsageError("--db names a history, and nothing is recorded", hint="add --record", code="usage")
    if max_size and not recording:
        raise UsageError("--max-size bounds a history, and nothing is recorded", hint="add --record", code="usage")
    asked = Asked(listen=listen, recording=recording, db=db, max_size=max_size, alerts=alerts, tap=tap)
    with chosen_reporter(common) as report:
        _serve(common, looking, report, asked)
    return finish(common, None, lambda: _ENDED, message=_ENDED)


def _serve(common: CommonOptions, looking: MonitorOptions, report: Reporter, asked: Asked) -> None:
    from jetson_deploy.interrupts import stop_on_interruption
    from jetson_deploy.monitor.serve.listen import parse_listen
    from jetson_deploy.monitor.serve.server import MonitorServer
    from jetson_deploy.monitor.serve.systemd_status import SystemdStatus

    listen = parse_listen(asked.listen)
    tap = _tap(common, looking, asked.tap)
    period = _RECORDING_PERIOD if asked.recording else _PERIOD
    with stop_on_interruption() as stop, contextlib.ExitStack() as closing:
        systemd = SystemdStatus()
        listeners = [*_listeners(common, asked, report, closing), systemd]
        monitor = opened(common, looking, listeners=listeners, period=period, tap=tap)
        closing.callback(monitor.close)
        server = MonitorServer(monitor, listen)
        server.start()
        closing.callback(server.close)
        for note in announcement(server, tap):
            report(note)
        systemd.serving = server.url
        monitor.run(stop)
        systemd.ending()


def _tap(common: CommonOptions, looking: MonitorOptions, tap: str | None) -> tuple[str, int] | None:
    from jetson_deploy.monitor.serve.listen import EXAMPLE_TAP, parse_listen
    from jetson_deploy.settings import acts_here

    if tap is None:
        return None
    if looking.no_model or not (looking.endpoint or acts_here(common.root, common.settings)):
        why = "--no-model is given" if looking.no_model else "the board is a captured one"
        raise UsageError(
            f"--tap has no server to pass requests to: {why}", hint="--endpoint URL names one", code="usage"
        )
    return parse_listen(tap, "--tap", EXAMPLE_TAP)


def _listeners(common: CommonOptions, asked: Asked, report: Reporter, closing: contextlib.ExitStack) -> list[Listener]:
    def say(text: str) -> None:
        report(Note(level="warning", text=text))

    listeners = alert_sinks(asked.alerts, say, closing)
    if asked.recording:
        listeners.append(recorder(common.settings, asked.db, asked.max_size or _MOST_SIZE, say, closing))
    return listeners


def announcement(server: MonitorServer, tap: tuple[str, int] | None) -> list[Note]:
    """Where it serves, and a warning where others than this machine can come."""
    from jetson_deploy.monitor.serve.listen import url

    notes = []
    if not server.on_loopback:
        notes.append(Note(level="warning", text=f"whoever reaches {server.url} can read it: there is no login"))
    notes.append(Note(level="info", text=f"page {server.url}, Prometheus {server.url}metrics; Ctrl-C ends it"))
    if tap is not None:
        notes.append(Note(level="info", text=f"ask {url(*tap)} instead of the server, and your tokens are counted"))
    return notes
