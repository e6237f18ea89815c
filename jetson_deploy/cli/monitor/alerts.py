"""`monitor alerts`: the rules, what holds now, silences, and a test of a sink."""

from __future__ import annotations

import itertools
import threading
import time
from typing import TYPE_CHECKING, Any

import click

from jetson_deploy.cli.finish import finish
from jetson_deploy.cli.monitor.options import MonitorOptions, monitored, opened
from jetson_deploy.cli.monitor.screen import figures
from jetson_deploy.cli.options import CommonOptions
from jetson_deploy.cli.render import say

if TYPE_CHECKING:
    from jetson_deploy.monitor.alerts.overview import Overview
    from jetson_deploy.monitor.alerts.silences import Silences

_SAMPLES = 4
_BETWEEN_SECONDS = 0.5
"""Loads and counters need two samples; a few make them steadier."""
_MOST_SAMPLES = 14
"""While the engine is still at its first answer."""


@click.command("alerts")
@monitored
@click.option("--silence", metavar="ALERT", help="Silence this alert: shown, but not sent to sinks; * silences all.")
@click.option("--for", "how_long", metavar="TIME", help="Duration of --silence: 30m, 2h, 1d; default 1h.")
@click.option("--unsilence", metavar="ALERT", help="End a silence.")
@click.option("--test", "test_sink", metavar="SINK", help="Send a test message to this sink; exit 4 when it fails.")
def command(
    *,
    common: CommonOptions,
    looking: MonitorOptions,
    silence: str | None,
    how_long: str | None,
    unsilence: str | None,
    test_sink: str | None,
) -> int:
    """List alert rules with their limits and their present state, sampled for two seconds.

    A running monitor fires an alert once its condition has held for the rule's hold time. Limits are changed by
    --threshold ALERT=VALUE, or for good by profiles/alerts/ALERT.yaml in an overlay (--catalog). Sinks: log,
    webhook:URL, slack:URL, discord:URL, command:PATH ARGS; URL may be @FILE that holds it.
    """
    _check_one(silence, how_long, unsilence, test_sink)
    if test_sink is not None:
        return _test(common, test_sink)
    if silence is not None:
        return _silence(common, silence, _read_duration(how_long or "1h"))
    if unsilence is not None:
        return _unsilence(common, unsilence)
    return _overview(common, looking)


def _check_one(silence: str | None, how_long: str | None, unsilence: str | None, sink: str | None) -> None:
    from jetson_deploy.errors import UsageError

    if sum(one is not None for one in (silence, unsilence, sink)) > 1:
        problem = "--silence, --unsilence and --test are three different things"
        raise UsageError(problem, hint="give one of them", code="usage")
    if how_long is not None and silence is None:
        raise UsageError("--for belongs to --silence", hint="--silence ALERT --for 2h", code="usage")


def _read_duration(text: str) -> float:
    """Seconds, more than 0."""
    from jetson_deploy.errors import UsageError
    from jetson_deploy.monitor.spans import span_seconds
    from jetson_deploy.names import shown

    seconds = span_seconds(text)
    if seconds is None:
        raise UsageError(f"--for {shown(text)} is not a duration", hint="write 30m, 2h or 1d", code="bad-duration")
    return seconds


def _test(common: CommonOptions, spec: str) -> int:
    from jetson_deploy.monitor.alerts.sinks import parse_sink, send_trial

    sink = parse_sink(spec, say)
    send_trial(sink)
    return _done(
        common, {"schema": "jetson-deploy.alert-test/1", "sink": sink.name}, f"the test arrived at {sink.name}"
    )


def _silence(common: CommonOptions, id_: str, seconds: float) -> int:
    made = _silences(common, id_).silence(id_, seconds, time.time())
    text = f"{_named(id_)} for {figures.duration(made.end - made.begin)}: shown, and not sent"
    return _done(common, {"schema": "jetson-deploy.alert-silence/1", "alert": id_, "until": made.end}, text)


def _unsilence(common: CommonOptions, id_: str) -> int:
    ended = _silences(common, id_).end(id_, time.time())
    text = f"{id_} is not silenced any more" if ended else f"{id_} was not silenced: nothing to do"
    return _done(common, {"schema": "jetson-deploy.alert-silence/1", "alert": id_, "until": None}, text)


def _named(id_: str) -> str:
    return "all alerts are silenced" if id_ == "*" else f"{id_} is silenced"


def _silences(common: CommonOptions, id_: str) -> Silences:
    from jetson_deploy.catalog.load import load_alerts
    from jetson_deploy.monitor.alerts.rules import check_id
    from jetson_deploy.monitor.alerts.silences import EVERYTHING

    if id_ != EVERYTHING:
        check_id(load_alerts(common.settings.catalog_dirs), id_)
    return _read_silences(common)


def _read_silences(common: CommonOptions) -> Silences:
    """A damaged file is reported."""
    from jetson_deploy.monitor.alerts.silences import Silences, default_path

    found = Silences(default_path(common.settings))
    found.active(time.time())
    if found.problem:
        say(f"warning: {found.problem}")
    return found


def _done(common: CommonOptions, document: dict[str, Any], text: str) -> int:
    return finish(common, document, lambda: text, simulated=common.settings.rehearsal, also_as_line=True)


def _enough(samples: int, looked: bool) -> bool:
    return samples >= (_SAMPLES if looked else _MOST_SAMPLES)


def _overview(common: CommonOptions, looking: MonitorOptions) -> int:
    from jetson_deploy.catalog.load import load_alerts
    from jetson_deploy.cli.monitor.alert_table import alert_table
    from jetson_deploy.monitor.alerts.overview import RuleOverview

    silences = _read_silences(common)
    listener = RuleOverview(load_alerts(common.settings.catalog_dirs), looking.thresholds, silences)
    monitor = opened(common, looking, listeners=[listener], period=_BETWEEN_SECONDS)
    samples = itertools.count(1)
    try:
        monitor.run(threading.Event(), until=lambda _: _enough(next(samples), listener.looked))
    finally:
        monitor.close()
    overview: Overview = listener.overview()
    return finish(common, overview, lambda: alert_table(overview, verbose=common.verbose), also_as_line=True)
