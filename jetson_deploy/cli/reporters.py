"""Three ways to tell what happens: for people, as NDJSON, or not at all until the end."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from jetson_deploy.cli.event_line import EachEvent, Lines
from jetson_deploy.cli.render import colours, print_event, say
from jetson_deploy.cli.streams import quietly, unfailing
from jetson_deploy.events import Event, Note, Progress, Reporter, silent
from jetson_deploy.units import size_text

if TYPE_CHECKING:
    from jetson_deploy.catalog.catalog import Catalog
    from jetson_deploy.cli.options import CommonOptions
    from jetson_deploy.deployment.instance import Instance

PLAIN_PROGRESS_SECONDS = 5.0
SHORT_PROGRESS_SECONDS = 30.0


@contextlib.contextmanager
def chosen_reporter(common: CommonOptions, *, in_phases: bool = False) -> Iterator[Reporter]:
    """--events: every event on stdout. Else people's lines on stderr, live bars when that is a terminal.

    `in_phases`: the work of `up` and `rollback` is shown in four lines, with -v event by event. Says first what is
    simulated, where something is.
    """
    live = not common.as_json and not common.as_events and not common.quiet and colours(sys.stderr)
    lines: Lines = EachEvent()
    if in_phases and not common.verbose:
        from jetson_deploy.cli.phases import Phases

        lines = Phases()
    plain = PlainReporter(lines, SHORT_PROGRESS_SECONDS if in_phases else PLAIN_PROGRESS_SECONDS, timed=True)
    report: Reporter = plain
    close: Callable[[], None] | None = plain.close
    if common.as_events:
        report, close = print_event, None
    elif common.quiet:
        report, close = silent, None
    elif live:
        from jetson_deploy.cli.bars import LiveReporter

        bars = LiveReporter(lines)
        report, close = bars, bars.close
    report = unfailing(report)
    if common.settings.rehearsal:
        report(Note(level="simulated", text=common.settings.rehearsal))
    try:
        yield report
    finally:
        if close is not None:
            quietly(close)


def tell_deployment(serving: Instance, common: CommonOptions) -> None:
    """What is simulated, and that the CPU was accepted: on stderr, where the answer on stdout is the server's."""
    from jetson_deploy.deployment.instance import CPU_ACCEPTED

    if common.quiet:
        return
    if serving.record.simulated:
        say(f"simulated: {serving.record.simulated}")
    if serving.record.accept_cpu:
        say(f"note: {CPU_ACCEPTED}")


def recover_first(common: CommonOptions) -> Catalog:
    """Before a reading command: recover an interrupted run, and report it on stderr. The catalog, which that read."""
    from jetson_deploy.deploy.recover import recover_unfinished

    report = silent if common.quiet else unfailing(PlainReporter())
    catalog = common.catalog()
    recover_unfinished(common.root, common.settings, catalog, common.name, report)
    return catalog


class PlainReporter:
    """Plain lines: steps, verdicts, notes; progress at most every few seconds per item.

    `timed`: with the time of day, where it is no terminal.
    """

    def __init__(
        self, lines: Lines | None = None, pace: float = PLAIN_PROGRESS_SECONDS, *, timed: bool = False
    ) -> None:
        self._lock = threading.Lock()
        self._last: dict[str, float] = {}
        self._lines: Lines = lines or EachEvent()
        self._pace = pace
        self._timed = timed and not sys.stderr.isatty()

    def __call__(self, event: Event) -> None:
        with self._lock:
            if isinstance(event, Progress):
                self._progress(event)
            else:
                self._say(self._lines(event))

    def close(self) -> None:
        with self._lock:
            self._say(self._lines.end())

    def _say(self, lines: list[str]) -> None:
        for text in lines:
            say(f"{time.strftime('%H:%M:%S')} {text}" if self._timed else text)

    def _progress(self, event: Progress) -> None:
        now = time.monotonic()
        if now - self._last.setdefault(event.item, now) >= self._pace:
            self._last[event.item] = now
            total = f" of {size_text(event.total_bytes)}" if event.total_bytes else ""
            self._say([f"  {event.item}: {event.phase} {size_text(event.done_bytes)}{total}"])
