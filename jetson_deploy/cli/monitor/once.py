"""One look: two samples, so that what is measured between two is known."""

from __future__ import annotations

import shutil
import sys
import threading

from jetson_deploy.cli.finish import finish
from jetson_deploy.cli.monitor.options import MonitorOptions, opened
from jetson_deploy.cli.monitor.screen.frame import Frame
from jetson_deploy.cli.monitor.screen.glyphs import glyphs_for
from jetson_deploy.cli.monitor.screen.layout import page
from jetson_deploy.cli.monitor.screen.lines import as_ascii, plain
from jetson_deploy.cli.options import CommonOptions
from jetson_deploy.cli.render import say
from jetson_deploy.errors import PreflightError
from jetson_deploy.monitor.alerts.firing import Firing
from jetson_deploy.monitor.monitor import Latest
from jetson_deploy.monitor.sample import Board, Sample

_APART = 0.3
"""Seconds between the two samples."""
_WIDTH = 100
"""Off a terminal."""


def once(common: CommonOptions, looking: MonitorOptions, *, check: bool) -> int:
    """Prints the screen, or with --json the sample.

    With `check` 1 when a warning or a critical alert fires, or the server that was named does not answer; raises
    PreflightError where nothing of the board can be read: that must not look like health.
    """
    named = looking.endpoint
    monitor = opened(common, looking, period=_APART, processes=not common.as_json, at_once=True)
    try:
        monitor.run(threading.Event(), until=lambda _: len(monitor.recent) >= 2)
        latest, recent = monitor.latest or monitor.look(), tuple(monitor.recent)
    finally:
        monitor.close()
    finish(common, latest.sample, None if check and common.quiet else lambda: _screen(recent, latest))
    return _checked(latest, named) if check else 0


def _screen(recent: tuple[Sample, ...], latest: Latest) -> str:
    terminal = sys.stdout.isatty()
    width = max(40, shutil.get_terminal_size((_WIDTH, 24)).columns) if terminal else _WIDTH
    frame = Frame(recent=recent, firing=latest.firing, width=width, glyphs=glyphs_for(sys.stdout.encoding))
    text = "\n".join(plain(line) for line in page(frame, None))
    return as_ascii(text) if frame.glyphs.ascii_only else text


def _checked(latest: Latest, named: str | None) -> int:
    board = latest.sample.board
    if board == Board(disks=board.disks):
        why = next((one.why for one in latest.sample.failures if one.source == "sysfs"), "no source has it")
        hint = "jetson-deploy detect shows the facts of this host; --root DIR names a captured root"
        raise PreflightError(f"the board cannot be read: {why}", hint=hint, code="nothing-to-check")
    bad = [one for one in latest.firing if not one.silenced and one.severity != "info"]
    for one in bad:
        say(_said(one))
    server = latest.sample.llm.server
    silent = named is not None and (server is None or not server.up) and not any(one.id == "server-down" for one in bad)
    if silent:
        say(f"critical: server-down: no server answers at {named}. Fix: start it, or correct --endpoint.")
    return 1 if bad or silent else 0


def _said(one: Firing) -> str:
    about = f" ({one.subject})" if one.subject else ""
    return f"{one.severity}: {one.id}{about}: {one.title}: {one.cause} Fix: {one.fix}"
