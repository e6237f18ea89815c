"""One live line per thing being staged: bytes, rate, remaining time."""

from __future__ import annotations

import threading

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.status import Status
from rich.text import Text

from jetson_deploy import events
from jetson_deploy.cli.event_line import EachEvent, Lines
from jetson_deploy.cli.foreign import visible


class LiveReporter:
    """Bars while bytes flow, lines for everything else, and below them what is waited for.

    The bars go when nothing is being staged.
    """

    def __init__(self, lines: Lines | None = None) -> None:
        self._lines: Lines = lines or EachEvent()
        self._status: Status | None = None
        self._waited = ""
        self._console = Console(stderr=True, highlight=False)
        self._lock = threading.RLock()
        self._progress: Progress | None = None
        self._tasks: dict[str, TaskID] = {}
        self._staging = 0

    def __call__(self, event: events.Event) -> None:
        with self._lock:
            if isinstance(event, events.Progress):
                self._advance(event)
                return
            self._count(event)
            self._print(self._lines(event))
            self._wait()

    def close(self) -> None:
        """Say the rest and take everything away that moves: nothing may be drawn below an error line."""
        with self._lock:
            self._no_bars()
            self._no_status()
            self._print(self._lines.end())

    def _print(self, lines: list[str]) -> None:
        for text in lines:
            self._console.print(Text.from_ansi(visible(text)), soft_wrap=True)

    def _wait(self) -> None:
        under_way = "" if self._staging else self._lines.under_way
        if self._status is not None and self._waited != under_way:
            self._no_status()
        if under_way and self._status is None:
            self._waited = under_way
            self._status = self._console.status(Text(visible(under_way)))  # as text: brackets would be rich's markup
            self._status.start()

    def _no_status(self) -> None:
        if self._status is not None:
            self._status.stop()
            self._status = None

    def _no_bars(self) -> None:
        if self._progress is not None:
            self._progress.stop()
            self._progress = None
            self._tasks.clear()

    def _count(self, event: events.Event) -> None:
        staging = isinstance(event, events.StepStarted | events.StepFinished) and event.step.startswith("stage-")
        if staging:
            self._staging += 1 if isinstance(event, events.StepStarted) else -1
        if self._staging == 0:
            self._no_bars()

    def _advance(self, event: events.Progress) -> None:
        if self._progress is None:
            self._no_status()
            self._progress = _bars(self._console)
            self._progress.start()
        label = visible(f"{event.item} ({event.phase})")
        if event.item not in self._tasks:
            self._tasks[event.item] = self._progress.add_task(label, total=event.total_bytes)
        task = self._tasks[event.item]
        self._progress.update(task, completed=event.done_bytes, total=event.total_bytes, description=label)


def _bars(console: Console) -> Progress:
    return Progress(
        TextColumn("  {task.description}", markup=False),
        BarColumn(bar_width=24),
        DownloadColumn(binary_units=True),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
    )
