"""The forms of `fleet top`: a table that is drawn again, lines, or events. All on stdout."""

from __future__ import annotations

import abc
import shutil
import sys
import threading
import time
from types import TracebackType

import msgspec

from jetson_deploy.cli.fleet.options import FleetOptions
from jetson_deploy.cli.fleet.top_rows import HEADS, TopRow, TopRows
from jetson_deploy.cli.foreign import visible
from jetson_deploy.cli.render import event_line, say
from jetson_deploy.cli.streams import quietly, write
from jetson_deploy.fleet.device import Device
from jetson_deploy.fleet.failure import DeviceError
from jetson_deploy.monitor.sample_line import SampleLine

FRAME_SECONDS = 0.1


class View(abc.ABC):
    """Writing raises ReaderGone, ResourceError: there is nothing else to be done."""

    def __init__(self, fleet: FleetOptions) -> None:
        self._fleet, self._rows = fleet, TopRows(device.name for device in fleet.devices)

    def __enter__(self) -> View:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None  # of those that draw nothing there is nothing to end

    @abc.abstractmethod
    def heard(self, device: Device, sample: SampleLine) -> None: ...

    @abc.abstractmethod
    def lost(self, device: Device, error: DeviceError) -> None: ...


class EventView(View):
    def heard(self, device: Device, sample: SampleLine) -> None:
        line = {"event": "sample", **msgspec.to_builtins(sample), "device": device.name}
        write(sys.stdout, event_line(line) + "\n")

    def lost(self, device: Device, error: DeviceError) -> None:
        line = {"event": "device-lost", "device": device.name, "code": error.code, "reason": error.message}
        write(sys.stdout, event_line(line) + "\n")


class LineView(View):
    """`12:00:01 orin-3  deepseek-r1:8b  41.5 tok/s  GPU 97 %  …`"""

    def heard(self, device: Device, sample: SampleLine) -> None:
        self._write(self._rows.sample(device.name, sample))

    def lost(self, device: Device, error: DeviceError) -> None:
        row = self._rows.lost(device.name, error.message)
        say(f"{time.strftime('%H:%M:%S')} {row.cells[0]}: {row.cells[-1]}")

    def _write(self, row: TopRow) -> None:
        name, model, *rest = row.cells
        named = [f"{head.lower()} {text}" for head, text in zip(HEADS[2:], rest, strict=True)]
        write(sys.stdout, f"{time.strftime('%H:%M:%S')} {name}  {model}  {'  '.join(named)}\n")


class TableView(View):
    """Drawn by a thread of its own, on the terminal's other screen."""

    def __init__(self, fleet: FleetOptions) -> None:
        super().__init__(fleet)
        from rich.console import Console

        from jetson_deploy.cli.fleet.changed_lines import ChangedLines

        self._lock, self._over = threading.Lock(), threading.Event()
        self._screen = ChangedLines(Console(highlight=False), self._lines, screen=True)
        self._thread = threading.Thread(target=self._draw, daemon=True)

    def __enter__(self) -> View:
        quietly(self._screen.start)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join(timeout=2)
        quietly(self._screen.stop)

    def heard(self, device: Device, sample: SampleLine) -> None:
        with self._lock:
            self._rows.sample(device.name, sample)

    def lost(self, device: Device, error: DeviceError) -> None:
        with self._lock:
            self._rows.lost(device.name, error.message)

    def _draw(self) -> None:
        while not self._over.wait(FRAME_SECONDS):
            quietly(self._screen.refresh)

    def _lines(self) -> list[str]:
        with self._lock:
            lines = self._rows.table(shutil.get_terminal_size().lines)
        return list(map(visible, lines))
