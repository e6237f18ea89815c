"""NVML: the GPU's load on Thor, which no file of sysfs tells. On Orin it answers NotSupported to everything.

`nvml` is the module pynvml, or what stands in for it in a test. It has no types.
"""

from __future__ import annotations

import contextlib
import importlib
import time
from collections.abc import Callable, Iterable
from typing import Any

from jetson_deploy.monitor.board_parts import Gpu, Memory, Process, Rail, Zone
from jetson_deploy.monitor.sample import Board, SourceName
from jetson_deploy.monitor.sources.host import shown_name
from jetson_deploy.monitor.sources.source import Source, SourceError

GPU_ZONE, GPU_RAIL = "gpu", "GPU"
_MEGA, _MILLI = 1_000_000, 1000
_HOTTEST = 150
_NAME = 40
_RETRY_SECONDS = 30.0


def _pynvml() -> Any:
    return importlib.import_module("pynvml")


def open_nvml(load: Callable[[], Any] = _pynvml) -> Source:
    """Raises SourceError where there is no module, no library, no driver, or no GPU."""
    try:
        nvml = load()
    except ImportError as error:
        raise SourceError("the Python package nvidia-ml-py is not installed") from error
    return NvmlSource(nvml)


class NvmlSource:
    """Opens the library at once, and again after it was lost, at most every 30 s."""

    name: SourceName = "nvml"

    def __init__(self, nvml: Any, clock: Callable[[], float] = time.monotonic) -> None:
        self._nvml, self._clock = nvml, clock
        self._handles: list[tuple[str, Any]] | None = None
        self._failure, self._again = "", 0.0
        self._handles = self._opened()

    def poll(self) -> None:
        """Nothing: the driver itself takes the mean since its last reading."""

    def read(self) -> Board:
        if self._handles is None:
            self._handles = self._reopened()
        board = self._board(self._handles)
        if board == Board():
            self._close()
            self._failure = "the driver reports nothing of this GPU (NotSupported), as on every Orin"
            self._again = self._clock() + _RETRY_SECONDS
            raise SourceError(self._failure)
        return board

    def close(self) -> None:
        self._close()

    def _opened(self) -> list[tuple[str, Any]]:
        try:
            self._nvml.nvmlInit()
            handles = [self._nvml.nvmlDeviceGetHandleByIndex(i) for i in range(self._nvml.nvmlDeviceGetCount())]
        except self._nvml.NVMLError as error:
            raise SourceError(self._words(error)) from error
        if not handles:
            raise SourceError("the NVIDIA driver lists no GPU")
        return [(self._label(number, handle), handle) for number, handle in enumerate(handles)]

    def _reopened(self) -> list[tuple[str, Any]]:
        if self._clock() < self._again:
            raise SourceError(self._failure)
        try:
            return self._opened()
        except SourceError as error:
            self._failure, self._again = str(error), self._clock() + _RETRY_SECONDS
            raise

    def _close(self) -> None:
        if self._handles is not None:
            self._handles = None
            with contextlib.suppress(self._nvml.NVMLError):
                self._nvml.nvmlShutdown()

    def _board(self, handles: list[tuple[str, Any]]) -> Board:
        gpus = [self._gpu(label, handle) for label, handle in handles]
        processes = _merged([one for _, handle in handles for one in self._processes(handle)])
        several = len(handles) > 1
        return Board(
            gpus=tuple(gpu for gpu in gpus if gpu != Gpu(name=gpu.name)),
            memory=Memory(gpu_bytes=_sum(processes)),
            zones=tuple(
                Zone(name=_numbered(GPU_ZONE, n, several), celsius=value)
                for n, (_, handle) in enumerate(handles)
                if (value := self._celsius(handle)) is not None
            ),
            rails=tuple(
                Rail(name=_numbered(GPU_RAIL, n, several), watts=value / _MILLI)
                for n, (_, handle) in enumerate(handles)
                if (value := self._number("nvmlDeviceGetPowerUsage", handle)) is not None
            ),
            processes=processes or None,
        )

    def _gpu(self, label: str, handle: Any) -> Gpu:
        rates = self._asked("nvmlDeviceGetUtilizationRates", handle)
        percent = getattr(rates, "gpu", None)
        clock = self._number("nvmlDeviceGetClockInfo", handle, self._nvml.NVML_CLOCK_SM)
        highest = self._number("nvmlDeviceGetMaxClockInfo", handle, self._nvml.NVML_CLOCK_SM)
        return Gpu(
            name=label,
            load=percent / 100 if isinstance(percent, int) and 0 <= percent <= 100 else None,
            hertz=None if clock is None else float(clock * _MEGA),
            max_hertz=float(highest * _MEGA) if highest else None,
        )

    def _celsius(self, handle: Any) -> float | None:
        """The newer of two functions where driver and nvidia-ml-py have it (from 13): the older one is deprecated."""
        value = self._number("nvmlDeviceGetTemperatureV", handle, self._nvml.NVML_TEMPERATURE_GPU)
        if value is None:
            value = self._number("nvmlDeviceGetTemperature", handle, self._nvml.NVML_TEMPERATURE_GPU)
        return float(value) if value is not None and value <= _HOTTEST else None

    def _processes(self, handle: Any) -> Iterable[Process]:
        for getter in ("nvmlDeviceGetComputeRunningProcesses", "nvmlDeviceGetGraphicsRunningProcesses"):
            for one in self._asked(getter, handle) or ():
                yield Process(pid=one.pid, name=self._process_name(one.pid), gpu_bytes=one.usedGpuMemory)

    def _process_name(self, pid: int) -> str:
        name = self._asked("nvmlSystemGetProcessName", pid)
        text = name.decode("utf-8", "replace") if isinstance(name, bytes) else str(name or "")
        last = text.split(" ")[0].rpartition("/")[2]
        return shown_name(last, pid)

    def _label(self, number: int, handle: Any) -> str:
        name = self._asked("nvmlDeviceGetName", handle)
        text = name.decode("utf-8", "replace") if isinstance(name, bytes) else str(name or f"GPU {number}")
        return text.removeprefix("NVIDIA ")[:_NAME]

    def _number(self, function: str, *of: Any) -> int | None:
        value = self._asked(function, *of)
        return value if isinstance(value, int) and value >= 0 else None

    def _asked(self, function: str, *of: Any) -> Any:
        """None: this GPU, this driver, or this nvidia-ml-py does not know it."""
        ask = getattr(self._nvml, function, None)
        try:
            return None if ask is None else ask(*of)
        except (self._nvml.NVMLError, ValueError):  # ValueError: a name that is no UTF-8
            return None

    def _words(self, error: Exception) -> str:
        kind = type(error).__name__
        if kind == "NVMLError_LibraryNotFound":
            return "the NVIDIA driver's library libnvidia-ml.so.1 is not on this machine"
        if kind == "NVMLError_DriverNotLoaded":
            return "the NVIDIA driver is not loaded"
        return f"NVML answers: {error}"


def _merged(found: list[Process]) -> tuple[Process, ...]:
    """A process that computes and draws stands in both lists with all it has."""
    by_pid: dict[int, Process] = {}
    for one in found:
        before = by_pid.get(one.pid)
        if before is None or (one.gpu_bytes or 0) > (before.gpu_bytes or 0):
            by_pid[one.pid] = one
    return tuple(sorted(by_pid.values(), key=lambda one: -(one.gpu_bytes or 0)))


def _sum(processes: tuple[Process, ...]) -> int | None:
    """None too when one is unknown: a part is no sum."""
    known = [one.gpu_bytes for one in processes if one.gpu_bytes is not None]
    return sum(known) if known and len(known) == len(processes) else None


def _numbered(name: str, number: int, several: bool) -> str:
    return f"{name}{number}" if several else name
