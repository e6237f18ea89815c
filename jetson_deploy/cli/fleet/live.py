"""What happens on many devices while it happens: a table on a terminal, plain lines elsewhere, or events.

`chosen_live(fleet)` gives the one that was asked for; whoever acts on the devices tells it each event of a device, and
how each ended. Neither raises anything: a terminal that went away ends no rollout.
"""

from __future__ import annotations

import contextlib
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Protocol

import msgspec

from jetson_deploy.cli.event_line import line_of
from jetson_deploy.cli.fleet.cells import REASON, cell
from jetson_deploy.cli.fleet.live_rows import Rows
from jetson_deploy.cli.foreign import visible
from jetson_deploy.cli.render import colours, print_event, say
from jetson_deploy.cli.streams import quietly
from jetson_deploy.events import Event
from jetson_deploy.fleet.device import Device
from jetson_deploy.fleet.end_state import DeviceResult

if TYPE_CHECKING:
    from jetson_deploy.cli.fleet.options import FleetOptions

FRAME_SECONDS = 0.05
"""An event is on the screen within this; more of them do not draw it more often."""


class Live(Protocol):
    def event(self, device: Device, event: Event) -> None: ...

    def ended(self, result: DeviceResult) -> None: ...

    def note(self, text: str) -> None:
        """A line of ours about all of them: a batch begins, the rollout stops."""


@contextlib.contextmanager
def chosen_live(fleet: FleetOptions) -> Iterator[Live]:
    """--events: on stdout, each with its device. Else on stderr for people: a table where that is a terminal."""
    if fleet.as_events:
        yield _Events()
    elif fleet.quiet:
        yield _Silence()
    elif fleet.as_json or fleet.verbose or not colours(sys.stderr):
        yield _Lines(fleet)
    else:
        table = _Table(fleet)
        table.begin()
        try:
            yield table
        finally:
            table.end()


def answers(fleet: FleetOptions) -> Callable[[DeviceResult], None]:
    """Of a verb that only asks: among the events each device's result, as soon as it is there."""
    return _Events().ended if fleet.as_events else _Silence().ended


class _Silence:
    def event(self, device: Device, event: Event) -> None:
        pass

    def ended(self, result: DeviceResult) -> None:
        pass

    def note(self, text: str) -> None:
        pass


class _Events:
    """NDJSON: a device's own event with `device` in it; `device-ended` with its result; `fleet-note`."""

    def event(self, device: Device, event: Event) -> None:
        quietly(lambda: print_event({**msgspec.to_builtins(event), "device": device.name}))

    def ended(self, result: DeviceResult) -> None:
        quietly(lambda: print_event({"event": "device-ended", **msgspec.to_builtins(result)}))

    def note(self, text: str) -> None:
        quietly(lambda: print_event({"event": "fleet-note", "text": text}))


class _Lines:
    """`12:00:01 orin-3: prove: …`; with -v every event."""

    def __init__(self, fleet: FleetOptions) -> None:
        self._rows, self._verbose = Rows(device.name for device in fleet.devices), fleet.verbose

    def event(self, device: Device, event: Event) -> None:
        text = self._rows.event(device.name, event, time.monotonic())
        if self._verbose:
            whole = line_of(event)
            text = cell(whole.strip(), REASON) if whole is not None else None
        if text is not None:
            self._say(device.name, text)

    def ended(self, result: DeviceResult) -> None:
        self._say(result.device, self._rows.ended(result, time.monotonic()))

    def note(self, text: str) -> None:
        say(f"{time.strftime('%H:%M:%S')} {text}")

    @staticmethod
    def _say(name: str, text: str) -> None:
        say(f"{time.strftime('%H:%M:%S')} {cell(name)}: {text}")


class _Table:
    """Drawn by a thread of its own, so that a slow terminal holds nothing up."""

    def __init__(self, fleet: FleetOptions) -> None:
        from rich.console import Console

        from jetson_deploy.cli.fleet.changed_lines import ChangedLines

        self._rows = Rows(device.name for device in fleet.devices)
        self._lock, self._dirty, self._over = threading.Lock(), threading.Event(), threading.Event()
        self._screen = ChangedLines(Console(stderr=True, highlight=False), self._lines)
        self._notes: list[str] = []
        self._thread = threading.Thread(target=self._draw, daemon=True)

    def begin(self) -> None:
        quietly(self._screen.start)
        self._thread.start()

    def end(self) -> None:
        self._over.set()
        self._dirty.set()
        self._thread.join(timeout=2)
        quietly(self._screen.stop)

    def event(self, device: Device, event: Event) -> None:
        with self._lock:
            text = self._rows.event(device.name, event, time.monotonic())
            if text is not None and text.startswith(("FAIL", "warning")):
                self._notes.append(f"{cell(device.name)}: {text}")
        self._dirty.set()

    def ended(self, result: DeviceResult) -> None:
        with self._lock:
            self._notes.append(f"{cell(result.device)}: {self._rows.ended(result, time.monotonic())}")
        self._dirty.set()

    def note(self, text: str) -> None:
        with self._lock:
            self._notes.append(text)
        self._dirty.set()

    def _draw(self) -> None:
        while not self._over.is_set():
            self._dirty.wait()
            self._dirty.clear()
            quietly(self._frame)
            time.sleep(FRAME_SECONDS)
        quietly(self._frame)

    def _frame(self) -> None:
        from rich.text import Text

        with self._lock:
            notes, self._notes = self._notes, []
        if notes:
            text = Text("\n".join(map(visible, notes)), no_wrap=True, overflow="ellipsis")
            self._screen.console.print(text, soft_wrap=True)
        self._screen.refresh()

    def _lines(self) -> list[str]:
        with self._lock:
            lines = self._rows.table(shutil.get_terminal_size().lines - 2)
        return list(map(visible, lines))
