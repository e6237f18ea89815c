"""Lines on the terminal: the one module of the live view that knows rich."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from rich.console import Console, ConsoleOptions, RenderResult
from rich.live import Live
from rich.segment import Segment
from rich.style import Style

from jetson_deploy.cli.foreign import visible
from jetson_deploy.cli.monitor.screen.lines import Line, as_ascii
from jetson_deploy.cli.render import colours
from jetson_deploy.cli.streams import ReaderGone, give_up

_STYLES = {
    "": None,
    "dim": Style(dim=True),
    "bold": Style(bold=True),
    "title": Style(color="cyan"),
    "good": Style(color="green"),
    "warn": Style(color="yellow", bold=True),
    "bad": Style(color="red", bold=True),
}


class Picture:
    """Lines that have the console's width already."""

    def __init__(self, lines: Sequence[Line], *, coloured: bool, ascii_only: bool) -> None:
        self._lines, self._coloured, self._ascii = lines, coloured, ascii_only

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for number, line in enumerate(self._lines):
            if number:
                yield Segment.line()
            for text, style in line:
                shown = visible(text)
                yield Segment(as_ascii(shown) if self._ascii else shown, _STYLES[style] if self._coloured else None)


class Screen:
    """The terminal's second screen, so that the first one is untouched afterwards."""

    def __init__(self, *, ascii_only: bool) -> None:
        self._console = Console(file=sys.stdout, highlight=False, legacy_windows=False)
        self._coloured, self._ascii = colours(sys.stdout), ascii_only
        self._live: Live | None = None

    @property
    def size(self) -> tuple[int, int]:
        """Cells and rows, now."""
        return self._console.size.width, self._console.size.height

    def draw(self, lines: Sequence[Line]) -> None:
        """Raises ReaderGone when the terminal is gone."""
        try:
            self._draw(lines)
        except OSError as error:
            give_up(sys.stdout)
            raise ReaderGone from error

    def _draw(self, lines: Sequence[Line]) -> None:
        picture = Picture(lines, coloured=self._coloured, ascii_only=self._ascii)
        if self._live is None:
            self._live = Live(
                picture,
                console=self._console,
                screen=True,
                auto_refresh=False,
                redirect_stdout=False,
                redirect_stderr=False,
            )
            self._live.start(refresh=True)
        else:
            self._live.update(picture, refresh=True)

    def leave(self) -> None:
        """Back to the first screen, cursor shown; `draw` comes back."""
        live, self._live = self._live, None
        if live is None:
            return
        try:
            live.stop()
        except OSError:
            give_up(sys.stdout)
