"""NVML on Thor, on Orin, and where it is not."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any

import pytest

from jetson_deploy.monitor.board_parts import Gpu, Memory, Process, Rail, Zone
from jetson_deploy.monitor.sample import Board
from jetson_deploy.monitor.sources.nvml import NvmlSource, open_nvml
from jetson_deploy.monitor.sources.source import SourceError


class NVMLError(Exception):
    pass


class NVMLError_NotSupported(NVMLError):  # noqa: N801, N818  pynvml's name
    pass


class NVMLError_LibraryNotFound(NVMLError):  # noqa: N801, N818
    pass


class NVMLError_DriverNotLoaded(NVMLError):  # noqa: N801, N818
    pass


class Library:
    """As pynvml; `answers`: function → value, or what it raises; NotSupported for all others."""

    NVML_CLOCK_SM, NVML_TEMPERATURE_GPU = 1, 0
    NVMLError = NVMLError

    def __init__(self, answers: Mapping[str, Any], *, gpus: int = 1, init: Exception | None = None) -> None:
        self.answers, self.gpus, self.init = dict(answers), gpus, init
        self.opened = self.closed = 0

    def nvmlInit(self) -> None:  # noqa: N802
        self.opened += 1
        if self.init:
            raise self.init

    def nvmlShutdown(self) -> None:  # noqa: N802
        self.closed += 1

    def nvmlDeviceGetCount(self) -> int:  # noqa: N802
        return self.gpus

    def nvmlDeviceGetHandleByIndex(self, number: int) -> int:  # noqa: N802
        return number

    def __getattr__(self, function: str) -> Callable[..., Any]:
        def ask(*of: object) -> Any:
            value = self.answers.get(function, NVMLError_NotSupported("Not Supported"))
            if isinstance(value, Exception):
                raise value
            return value

        if not function.startswith("nvml"):
            raise AttributeError(function)
        return ask


THOR_R38 = {
    "nvmlDeviceGetName": b"NVIDIA Thor",
    "nvmlDeviceGetUtilizationRates": SimpleNamespace(gpu=85, memory=0),
    "nvmlDeviceGetComputeRunningProcesses": [SimpleNamespace(pid=7, usedGpuMemory=4096)],
    "nvmlDeviceGetGraphicsRunningProcesses": [
        SimpleNamespace(pid=7, usedGpuMemory=4096),
        SimpleNamespace(pid=9, usedGpuMemory=1024),
    ],
    "nvmlSystemGetProcessName": "/usr/lib/ollama/ollama runner --model x",
}
THOR_R39 = {
    **THOR_R38,
    "nvmlDeviceGetName": "NVIDIA Thor",
    "nvmlDeviceGetTemperatureV": 35,
    "nvmlDeviceGetPowerUsage": 1250,
    "nvmlDeviceGetClockInfo": 1575,
    "nvmlDeviceGetMaxClockInfo": 1575,
}


def test_thor_tells_its_load_and_what_each_process_holds_of_the_gpu() -> None:
    board = NvmlSource(Library(THOR_R38)).read()
    assert board == Board(
        gpus=(Gpu(name="Thor", load=0.85),),
        memory=Memory(gpu_bytes=5120),
        processes=(Process(pid=7, name="ollama", gpu_bytes=4096), Process(pid=9, name="ollama", gpu_bytes=1024)),
    )


def test_a_newer_thor_tells_temperature_power_and_clocks_too() -> None:
    board = NvmlSource(Library(THOR_R39)).read()
    assert board.gpus == (Gpu(name="Thor", load=0.85, hertz=1575e6, max_hertz=1575e6),)
    assert board.zones == (Zone(name="gpu", celsius=35.0),)
    assert board.rails == (Rail(name="GPU", watts=1.25),)
    assert board.power is None, "what the GPU takes is not the board's power"


def test_an_older_nvidia_ml_py_tells_the_temperature_by_its_older_name() -> None:
    assert NvmlSource(Library({"nvmlDeviceGetTemperature": 41})).read().zones == (Zone(name="gpu", celsius=41.0),)


@pytest.mark.parametrize(
    "answers",
    [
        {"nvmlDeviceGetUtilizationRates": SimpleNamespace(gpu=4294967295)},
        {"nvmlDeviceGetTemperatureV": 4294967295},
        {"nvmlDeviceGetName": ValueError("no UTF-8"), "nvmlDeviceGetComputeRunningProcesses": []},
    ],
)
def test_absurd_answers_are_unknown(answers: dict[str, Any]) -> None:
    with pytest.raises(SourceError):
        NvmlSource(Library(answers)).read()


def test_memory_that_is_unknown_for_one_process_has_no_sum() -> None:
    processes = [SimpleNamespace(pid=7, usedGpuMemory=4096), SimpleNamespace(pid=8, usedGpuMemory=None)]
    board = NvmlSource(Library({"nvmlDeviceGetComputeRunningProcesses": processes})).read()
    assert board.memory.gpu_bytes is None
    assert board.processes == (Process(pid=7, name="pid 7", gpu_bytes=4096), Process(pid=8, name="pid 8"))


def test_an_orin_that_answers_not_supported_to_all_is_asked_again_only_after_a_while() -> None:
    now = [0.0]
    library = Library({"nvmlDeviceGetName": "Orin (nvgpu)"})
    source = NvmlSource(library, clock=lambda: now[0])
    for _ in range(3):
        with pytest.raises(SourceError, match=r"NotSupported.*Orin"):
            source.read()
    assert (library.opened, library.closed) == (1, 1)
    now[0], library.answers = 31.0, THOR_R38
    assert source.read().gpus[0].load == 0.85
    assert library.opened == 2
    source.close()
    source.close()
    assert library.closed == 2


def test_a_driver_that_went_away_is_told_and_found_again() -> None:
    now = [0.0]
    library = Library(THOR_R38)
    source = NvmlSource(library, clock=lambda: now[0])
    library.answers, library.init = {}, NVMLError_DriverNotLoaded("Driver Not Loaded")
    with pytest.raises(SourceError):
        source.read()
    now[0] = 31.0
    with pytest.raises(SourceError, match="the NVIDIA driver is not loaded"):
        source.read()
    now[0], library.answers, library.init = 62.0, THOR_R38, None
    assert source.read().gpus[0].load == 0.85


@pytest.mark.parametrize(
    ("library", "words"),
    [
        (Library({}, init=NVMLError_LibraryNotFound("x")), "libnvidia-ml.so.1 is not on this machine"),
        (Library({}, init=NVMLError_DriverNotLoaded("x")), "driver is not loaded"),
        (Library({}, init=NVMLError("Insufficient Permissions")), "NVML answers: Insufficient Permissions"),
        (Library({}, gpus=0), "lists no GPU"),
    ],
)
def test_where_nvml_cannot_be_used_the_reason_is_said(library: Library, words: str) -> None:
    with pytest.raises(SourceError, match=words):
        open_nvml(lambda: library)


def test_where_the_package_is_missing_that_is_said() -> None:
    def missing() -> Any:
        raise ImportError("pynvml")

    with pytest.raises(SourceError, match="nvidia-ml-py is not installed"):
        open_nvml(missing)


def test_the_real_pynvml_has_every_name_that_is_used() -> None:
    pynvml = importlib.import_module("pynvml")
    used = [*THOR_R39, "nvmlDeviceGetTemperature", "nvmlShutdown", "NVML_CLOCK_SM", "NVML_TEMPERATURE_GPU", "NVMLError"]
    assert [name for name in used if not hasattr(pynvml, name)] == []
    assert issubclass(pynvml.NVMLError_LibraryNotFound, pynvml.NVMLError)
    assert issubclass(pynvml.NVMLError_DriverNotLoaded, pynvml.NVMLError)
