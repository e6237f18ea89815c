"""A live text on a terminal of which only the lines that changed are written.

Rich's own erases and writes all of them each time: of 200 rows some 15 KB, four times what a terminal takes at once.
"""

from __future__ import annotations

from collections.abc import Callable

from rich.console import Console, ConsoleOptions, ConsoleRenderable, RenderResult
from rich.live import Live
from rich.text import Text

_WHOLE_EVERY = 20
"""Frames: what another process wrote over the text stays no longer."""


class ChangedLines(Live):
    """It is gone when it is stopped."""

    def __init__(self, console: Console, lines: Callable[[], list[str]], *, screen: bool = False) -> None:
        """`lines`: what is to be seen now, without control characters. `screen`: on the terminal's other screen."""
        self._lines_now, self._content = lines, _Content()
        self._shown: list[str] | None = None
        """What is on the terminal. None: not known, or something else was printed meanwhile."""
        self._width = self._frames = 0
        self._changes = changes_on_screen if screen else changes
        super().__init__(
            console=console, screen=screen, auto_refresh=False, transient=True, get_renderable=lambda: self._content
        )

    def refresh(self) -> None:
        before, width = self._shown, self.console.width
        lines = self._content.lines = [_cut(line, width) for line in self._lines_now()]
        self._frames += 1
        same = before is not None and len(before) == len(lines) and width == self._width
        if before is None or not same or self._frames % _WHOLE_EVERY == 0 or self.console.is_dumb_terminal:
            super().refresh()
        elif before != lines:
            self.console.file.write(self._changes(before, lines))
            self.console.file.flush()
        self._shown, self._width = lines, width

    def process_renderables(self, renderables: list[ConsoleRenderable]) -> list[ConsoleRenderable]:
        self._shown = None
        return super().process_renderables(renderables)


class _Content:
    """Rich keeps one object and draws it with whatever is printed above it: that must be the newest."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield Text("\n".join(self.lines), no_wrap=True, overflow="ellipsis")


def changes(before: list[str], lines: list[str]) -> str:
    """As many lines as before. From behind the last one to behind the last one."""
    moves = [f"\r\x1b[{len(lines) - 1}A" if len(lines) > 1 else "\r"]
    moves += ["\n".join("" if old == new else f"\r\x1b[2K{new}" for old, new in zip(before, lines, strict=True))]
    return "".join(moves)


def changes_on_screen(before: list[str], lines: list[str]) -> str:
    pairs = enumerate(zip(before, lines, strict=True), start=1)
    return "".join(f"\x1b[{row};1H\x1b[2K{new}" for row, (old, new) in pairs if old != new)


def _cut(line: str, width: int) -> str:
    text = Text(line)
    text.truncate(width, overflow="ellipsis")
    return text.plain
