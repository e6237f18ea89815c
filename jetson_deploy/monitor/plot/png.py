"""A figure → PNG, by matplotlib, which is an extra."""

from __future__ import annotations

import io
import logging
import warnings
from collections.abc import Sequence
from datetime import datetime, timezone
from typing import Any

from jetson_deploy.errors import PreflightError
from jetson_deploy.monitor.plot.figure import Figure, Panel
from jetson_deploy.own_copy import own_copy

_LIGHT = {"ground": "#ffffff", "text": "#1b1f18", "grid": "#d9dcd4", "hot": "#b3171c", "asked": "#1d5a96"}
_DARK = {"ground": "#1b1f17", "text": "#e9ece4", "grid": "#343a2e", "hot": "#ff7b7b", "asked": "#7db8f5"}
_LINES = ("#3b7a0c", "#b25000", "#1d5a96", "#8d2f8d", "#007a78", "#a8324a", "#6b6200", "#4b4fc4")
_LINES_DARK = ("#8fd14a", "#ff9d57", "#7db8f5", "#dd8fdd", "#4fd0cc", "#ff8fa3", "#d6c94a", "#a9acff")
_DASHES = ("-", "--", ":", "-.")
_ALERT = "#c98a00"
_WIDTH, _HEIGHT = 11.0, 2.1
"""Inches; the second of each panel."""
_LONGEST = 40
"""Signs of a name in the legend."""
_NAN = float("nan")


def png_bytes(figure: Figure, *, dark: bool = False) -> bytes:
    """Raises PreflightError where matplotlib is not installed."""
    # It tells people without a writable home about its cache, which they did not ask for.
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure as Canvas
    except ImportError as error:
        raise PreflightError(
            "a PNG is drawn by matplotlib, which is not installed",
            hint=f"{own_copy().adding('matplotlib')}, or --out FILE.html, which needs nothing",
            code="no-matplotlib",
        ) from error
    colours = _DARK if dark else _LIGHT
    panels = len(figure.panels)
    canvas = Canvas(figsize=(_WIDTH, 1.1 + _HEIGHT * panels), facecolor=colours["ground"], layout="constrained")
    all_axes = canvas.subplots(panels, 1, sharex=True, squeeze=False)[:, 0]
    for axes, panel in zip(all_axes, figure.panels, strict=True):
        _draw(axes, panel, figure, colours, _LINES_DARK if dark else _LINES)
    _plain(canvas.suptitle(_headed(figure), color=colours["text"], fontsize=10))
    _time_axis(all_axes[-1], figure, colours)
    data = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # signs that the font lacks, in a model's name
        agg: Any = FigureCanvasAgg(canvas)
        agg.print_png(data)
    return data.getvalue()


def _draw(axes: Any, panel: Panel, figure: Figure, colours: dict[str, str], lines: Sequence[str]) -> None:
    times = [_moment(at) for at in figure.times]
    handles, labels = [], []
    for number, line in enumerate(panel.lines):
        colour, dash = lines[number % len(lines)], _DASHES[number // len(lines) % len(_DASHES)]
        marker = "o" if len(times) < 3 else ""
        label = line.label if len(line.label) <= _LONGEST else line.label[: _LONGEST - 1] + "…"
        (drawn,) = axes.plot(times, _drawn(line.means), dash, color=colour, linewidth=1.1, marker=marker)
        handles.append(drawn)
        labels.append(label)
        if line.lows is not None and line.highs is not None:
            axes.fill_between(times, _drawn(line.lows), _drawn(line.highs), color=colour, alpha=0.2, linewidth=0)
    for begin, end in figure.throttled:
        axes.axvspan(_moment(begin), _moment(end), color=colours["hot"], alpha=0.18, linewidth=0)
    for at, _ in figure.requests:
        axes.axvspan(_moment(at), _moment(at + 60), ymax=0.03, color=colours["asked"], linewidth=0)
    for mark in figure.marks:
        axes.axvline(
            _moment(mark.at), color=_ALERT if mark.kind == "alert" else colours["grid"], linestyle="--", lw=0.9
        )
    if panel.unit == "%":
        axes.set_ylim(0, max(100, axes.get_ylim()[1]))
    axes.set_facecolor(colours["ground"])
    axes.grid(color=colours["grid"], linewidth=0.6)
    axes.tick_params(colors=colours["text"], labelsize=8)
    for spine in axes.spines.values():
        spine.set_color(colours["grid"])
    title = f"{panel.title} [{panel.unit}]" if panel.unit else panel.title
    _plain(axes.set_title(title, loc="left", fontsize=9, color=colours["text"]))
    legend = axes.legend(handles, labels, loc="center left", bbox_to_anchor=(1, 0.5), fontsize=7, frameon=False)
    for text in legend.get_texts():
        _plain(text)
        text.set_color(colours["text"])


def _time_axis(axes: Any, figure: Figure, colours: dict[str, str]) -> None:
    from matplotlib import dates

    untyped: Any = dates
    axes.set_xlim(_moment(figure.since), _moment(max(figure.until, figure.since + 1)))
    locator = untyped.AutoDateLocator()
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(untyped.ConciseDateFormatter(locator))
    axes.set_xlabel("UTC", fontsize=8, color=colours["text"], loc="left")
    axes.xaxis.get_offset_text().set_color(colours["text"])


def _headed(figure: Figure) -> str:
    signs = [
        (figure.throttled, "red: thermal throttling"),
        (figure.requests, "blue below: requests were answered"),
        (figure.marks, "dashed: alerts, reboots"),
    ]
    return "\n".join(filter(None, [figure.title, "; ".join(text for found, text in signs if found)]))


def _plain(text: Any) -> None:
    """A name with dollars is no formula."""
    text.set_parse_math(False)


def _drawn(values: Sequence[float | None]) -> list[float]:
    return [_NAN if value is None else value for value in values]


def _moment(at: float) -> datetime:
    return datetime.fromtimestamp(at, timezone.utc)
