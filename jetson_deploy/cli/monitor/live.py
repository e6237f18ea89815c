"""`monitor` without a command: the live view on a terminal, and its plain forms."""

from __future__ import annotations

import contextlib
import os
import queue
import shutil
import sys
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING

from jetson_deploy.cli.monitor.options import MonitorOptions, opened
from jetson_deploy.cli.options import CommonOptions
from jetson_deploy.cli.render import event_line, say
from jetson_deploy.cli.streams import write
from jetson_deploy.errors import UsageError
from jetson_deploy.monitor.monitor import Latest
from jetson_deploy.monitor.sample_line import sample_line

if TYPE_CHECKING:
    from jetson_deploy.cli.monitor.sampling import Happenings
    from jetson_deploy.monitor.monitor import Listener

_NARROW = 80
"""Cells below which there are plain lines."""


def show(common: CommonOptions, looking: MonitorOptions, *, once: bool, check: bool, jsonl: bool) -> int:
    """Live until it is stopped, or --once. Raises UsageError for options that do not go together."""
    _refuse(common, once=once, check=check, jsonl=jsonl)
    if once:
        from jetson_deploy.cli.monitor.once import once as look_once

        return look_once(common, looking, check=check)
    with contextlib.suppress(KeyboardInterrupt):  # stopped by Ctrl-C or SIGTERM
        if jsonl:
            _stream(common, looking, [JsonLines()])
        elif _on_a_terminal():
            _view(common, looking)
        else:
            from jetson_deploy.cli.monitor.plain import PlainLines

            if _too_narrow() and not common.quiet:
                say(f"plain lines: the view needs a terminal of {_NARROW} columns")
            _stream(common, looking, [PlainLines()])
    return 0


class JsonLines:
    """A listener: a sample on a line of its own, at once. Raises ReaderGone, ResourceError."""

    def receive(self, latest: Latest) -> None:
        write(sys.stdout, event_line(sample_line(latest)) + "\n")


def _refuse(common: CommonOptions, *, once: bool, check: bool, jsonl: bool) -> None:
    problem = hint = ""
    if common.as_events:
        problem, hint = "monitor has no --events", "--jsonl gives one JSON line for each sample"
    elif jsonl and (once or check or common.as_json):
        other = "--once" if once else "--check" if check else "--json"
        problem, hint = f"--jsonl and {other} do not go together", "--once --json for one sample, --jsonl for a stream"
    elif common.as_json and not once:
        problem, hint = "--json needs --once: the live view streams", "--once --json, or --jsonl for a stream"
    elif check and not once:
        problem, hint = "--check needs --once", "jetson-deploy monitor --once --check"
    if problem:
        raise UsageError(problem, hint=hint, code="usage")


def _on_a_terminal() -> bool:
    if not sys.stdout.isatty() or os.environ.get("TERM", "dumb") in ("dumb", "unknown"):
        return False
    return not _too_narrow()


def _too_narrow() -> bool:
    return sys.stdout.isatty() and shutil.get_terminal_size().columns < _NARROW


def _stream(common: CommonOptions, looking: MonitorOptions, listeners: Sequence[Listener]) -> None:
    monitor = opened(common, looking, listeners=listeners)
    try:
        monitor.run(threading.Event())
    finally:
        monitor.close()


def _view(common: CommonOptions, looking: MonitorOptions) -> None:
    from jetson_deploy.cli.monitor.sampling import Heard
    from jetson_deploy.cli.monitor.view import view

    happenings: Happenings = queue.SimpleQueue()
    monitor = opened(common, looking, listeners=[Heard(happenings)], processes=True)
    try:
        view(monitor, happenings)
    finally:
        monitor.close()
