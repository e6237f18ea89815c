"""Rewrites tests/monitor/screens: `python tests/monitor/draw_screens.py`, then look at what changed."""

from __future__ import annotations

import os
import time
from pathlib import Path

from screen_samples import ALERTS, bare, big, history

from jetson_deploy.cli.monitor.screen.frame import Frame
from jetson_deploy.cli.monitor.screen.glyphs import ASCII
from jetson_deploy.cli.monitor.screen.help import help_page
from jetson_deploy.cli.monitor.screen.layout import page
from jetson_deploy.cli.monitor.screen.lines import Line, plain

SCREENS = Path(__file__).parent / "screens"


def drawn() -> dict[str, list[Line]]:
    """Name → the lines of that screen."""
    busy, nothing, hot = history(), (bare(),), (*history(59), big())
    return {
        "busy-80x24": page(Frame(recent=busy, width=80, keys=True), 24),
        "busy-120x40": page(Frame(recent=busy, width=120, keys=True), 40),
        "busy-200x60": page(Frame(recent=busy, width=200, keys=True), 60),
        "busy-whole": page(Frame(recent=busy[:2], width=100), None),
        "paused-80x24-ascii": page(
            Frame(recent=busy, width=80, keys=True, paused=True, sort="cpu", period=0.5, glyphs=ASCII), 24
        ),
        "alerts-80x24": page(Frame(recent=busy, firing=ALERTS, width=80, keys=True), 24),
        "alerts-80x10": page(Frame(recent=busy, firing=ALERTS, width=80), 10),
        "hot-80x24": page(Frame(recent=hot, width=80, keys=True), 24),
        "hot-160x50": page(Frame(recent=hot, firing=ALERTS, width=160, keys=True), 50),
        "unknown-80x24": page(Frame(recent=nothing, width=80, keys=True), 24),
        "narrow-40x12": page(Frame(recent=busy, width=40, keys=True), 12),
        "help-80x24": help_page(Frame(recent=busy, width=80), 24),
    }


def as_text(lines: list[Line]) -> str:
    return "".join(f"{plain(line)}\n" for line in lines)


if __name__ == "__main__":
    os.environ["TZ"] = "UTC"
    time.tzset()
    SCREENS.mkdir(exist_ok=True)
    for name, lines in drawn().items():
        (SCREENS / f"{name}.txt").write_text(as_text(lines), encoding="utf-8")
