"""Three ways to tell what happens: for people, as NDJSON, or not at all until the end."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from jetson_deploy.cli.event_line import line_of
from jetson_deploy.cli.render import colours, print_event, say
from jetson_deploy.cli.streams import quietly, unfailing
from jetson_deploy.events import Event, Note, Progress, Reporter, silent
from jetson_deploy.units import size_text

if TYPE_CHECKING:
    from jetson_deploy.cli.options import CommonOptions
    from jetson_deploy.deployment.instance import Instance

PLAIN_PROGRESS_SECONDS = 5.0


@contextlib.contextmanager
def chosen_reporter(common: CommonOptions) -> Iterator[Reporter]:
    """--events: every event on stdout. Else people's lines on stderr, live bars when that is a terminal.

    Says first what is simulated, where something is.
    """
    live = not common.as_json and not common.as_events and not common.quiet and colours(sys.stderr)
    report: Reporter = PlainReporter()
    close: Callable[[], None] | None = None
    if common.as_events:
        report = print_event
    elif common.quiet:
        report = silent
    elif live:
        from jetson_deploy.cli.bars import LiveReporter

        bars = LiveReporter()
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


def recover_first(common: CommonOptions) -> None:
    """Before a verb that looks: what a run left unfinished is finished or undone, and told on stderr."""
    from jetson_deploy.deploy.recover import recover_unfinished

    report = silent if common.quiet else unfailing(PlainReporter())
    recover_unfinished(common.root, common.settings, common.catalog(), common.name, report)


class PlainReporter:
    """Plain lines: steps, verdicts, notes; progress at most every five seconds per item."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last: dict[str, float] = {}

    def __call__(self, event: Event) -> None:
        with self._lock:
            if isinstance(event, Progress):
                self._progress(event)
            elif (text := line_of(event)) is not None:
                say(text)

    def _progress(self, event: Progress) -> None:
        now = time.monotonic()
        if now - self._last.setdefault(event.item, now) >= PLAIN_PROGRESS_SECONDS:
            self._last[event.item] = now
            total = f" of {size_text(event.total_bytes)}" if event.total_bytes else ""
            say(f"  {event.item}: {event.phase} {size_text(event.done_bytes)}{total}")
