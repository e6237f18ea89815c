"""`monitor why-slow`: what holds the model back now, with the evidence and the command that changes it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from jetson_deploy.cli.finish import finish
from jetson_deploy.cli.finite_range import FiniteRange
from jetson_deploy.cli.formatting import WIDTH
from jetson_deploy.cli.monitor.options import MonitorOptions, monitored, opened
from jetson_deploy.cli.monitor.screen.lines import clean, wrapped
from jetson_deploy.cli.options import CommonOptions, not_offered
from jetson_deploy.cli.render import say
from jetson_deploy.errors import UnhealthyError, UsageError

if TYPE_CHECKING:
    from jetson_deploy.cli.monitor.asking import Asking
    from jetson_deploy.monitor.monitor import Latest, Monitor
    from jetson_deploy.monitor.sample import Sample
    from jetson_deploy.monitor.why_slow.factor import Factor, Report

_PERIOD = 0.5
_PATIENCE = 120.0
"""Seconds for the last answer that was asked for."""
_LABEL = 18
_TITLES = {"holds-back": "holds it back", "fine": "does not", "unseen": "cannot be seen"}


@click.command("why-slow")
@not_offered("--events")
@monitored
@click.option(
    "--seconds",
    type=FiniteRange(1, 600),
    default=5.0,
    show_default=True,
    metavar="SECONDS",
    help="How long to sample.",
)
@click.option("--ask", is_flag=True, help="Make the model generate meanwhile, about 32 tokens at a time; loads it.")
def command(*, common: CommonOptions, looking: MonitorOptions, seconds: float, ask: bool) -> int:
    """Show what holds the model back now: power mode, clocks, heat, current, memory, swap, CPU fallback, context, other
    processes, the queue, prompts; each with what was measured and the command that changes it.

    Exit 0 when nothing holds it back, 1 when something does.
    """
    _refuse(common, ask=ask, alone=looking.no_model)
    monitor = opened(common, looking, period=_PERIOD, processes=True)
    asking = None
    try:
        first = monitor.look().sample
        if not looking.no_model:
            _need_server(first)
        asking = _asked(first, common) if ask else None
        samples = watched(monitor, seconds, asking)
    finally:
        if asking:
            asking.close(0.0)
        monitor.close()
    report = _report(common, samples, asking)
    return finish(common, report, lambda: "\n".join(_lines(report, asked=ask)), code=1 if report.held_back else 0)


def _refuse(common: CommonOptions, *, ask: bool, alone: bool) -> None:
    if common.as_events:
        raise UsageError("why-slow has no --events", hint="--json gives one document", code="usage")
    if ask and alone:
        raise UsageError("--ask and --no-model do not go together", hint="leave one of them out", code="usage")


def _need_server(sample: Sample) -> None:
    server = sample.llm.server
    if server is not None and server.up:
        return
    where = f" at {server.endpoint}" if server is not None else ""
    raise UnhealthyError(
        f"no server answers{where}, and without one nothing is slow",
        hint="jetson-deploy up deploys one; --endpoint names another; --no-model examines the board alone",
        code="no-server",
    )


def _asked(sample: Sample, common: CommonOptions) -> Asking:
    from jetson_deploy.cli.monitor.asking import Asking

    llm = sample.llm
    loaded = next((one.name for one in llm.models if one.loaded), None)
    model = (llm.deployment.model if llm.deployment else None) or loaded
    if model is None or llm.server is None:
        raise UnhealthyError(
            "no model to ask: none is deployed here and none is loaded",
            hint="ask it something, for example with ollama run MODEL, and run why-slow meanwhile",
            code="no-model",
        )
    asking = Asking(llm.server.kind, llm.server.endpoint, model)
    if not common.quiet and not common.as_json:
        say(
            f"asking {clean(model)} for about 32 tokens at a time" + ("" if loaded == model else "; it is loaded first")
        )
    asking.load()
    asking.start()
    return asking


def watched(monitor: Monitor, seconds: float, asking: Asking | None) -> tuple[Sample, ...]:
    """With `asking` at least until one answer is whole: a slow model needs longer than that."""
    samples = [monitor.look().sample]  # all of them: `monitor.recent` forgets after 300

    def enough(latest: Latest) -> bool:
        samples.append(latest.sample)
        passed = latest.sample.monotonic - samples[0].monotonic
        if passed < seconds:
            return False
        waits = asking is not None and asking.rate is None and asking.error is None
        return not waits or passed > seconds + _PATIENCE

    monitor.run(threading.Event(), until=enough)
    if asking is not None and asking.error is not None:
        raise asking.error
    return tuple(samples)


def _report(common: CommonOptions, samples: tuple[Sample, ...], asking: Asking | None) -> Report:
    from jetson_deploy.monitor.why_slow.facts import gathered
    from jetson_deploy.monitor.why_slow.judged import report
    from jetson_deploy.monitor.why_slow.window import Window

    model = Window(samples=samples).model
    name = model.name if model else None
    facts = gathered(common.root, common.catalog(), samples[-1], name, asking.rate if asking else None)
    return report(Window(samples=samples, facts=facts))


def _lines(report: Report, *, asked: bool) -> Iterator[str]:
    yield from _head(report, asked=asked)
    for verdict, title in _TITLES.items():
        found = [one for one in report.findings if one.verdict == verdict]
        if found:
            yield ""
            yield title
        for one in found:
            yield from _finding(one)


def _head(report: Report, *, asked: bool) -> Iterator[str]:
    if report.simulated:
        yield f"simulated: {clean(report.simulated)}"
    where = clean(report.board) if report.board else "an unknown board"
    what = f"{clean(report.model)} on {where}" if report.model else f"{where}, no model"
    yield f"{what}, watched for {report.seconds:.0f} s"
    count = sum(one.verdict == "holds-back" for one in report.findings)
    if report.generating is False and not asked:
        yield "nothing is being generated: --ask makes the model generate, so that it is seen under load"
    elif report.generating is None:
        yield "whether anything is generated cannot be seen: --ask makes the model generate"
    seen = "nothing" if all(one.verdict == "fine" for one in report.findings) else "nothing that can be seen"
    yield f"{seen} holds it back" if not count else f"{count} thing{'s hold' if count > 1 else ' holds'} it back"


def _finding(one: Factor) -> Iterator[str]:
    room = " " * _LABEL
    head = f"  {one.factor.replace('-', ' '):<{_LABEL - 2}}"
    yield from wrapped(clean(one.evidence), WIDTH, head, room)
    if one.effect:
        yield from wrapped(f"effect: {one.effect}", WIDTH, room, room + "  ")
    if one.command:
        yield from wrapped(f"change: {clean(one.command)}", WIDTH, room, room + "  ")
