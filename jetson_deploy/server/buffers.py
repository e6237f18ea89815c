"""Where a model was loaded to, by the names of the buffers that llama.cpp and its relatives log.

A build with a GPU backend writes `offloaded 31/31 layers to GPU` on a machine without a GPU too (measured on b10434):
only the buffers that hold weights and KV cache show it.
"""

from __future__ import annotations

import re
from typing import Any, Literal

GPU_BUFFER = re.compile(r"(?:CUDA|Vulkan|ROCm|SYCL)\d+")
"""All else is the CPU's, whatever its name: CPU_Mapped, CPU_REPACK, CPU_KLEIDIAI, AMX, CUDA_Host."""
_LLAMA_CPP_BUFFER = re.compile(r"(\S+) +(model|KV|RS) buffer size")
_OFFLOADED = re.compile(r"offloaded (\d{1,6})/(\d{1,6}) layers to GPU")


class Buffers:
    """Of the last load that was logged."""

    def __init__(self) -> None:
        self._weights: list[str] = []
        self._cache: list[str] = []

    def forget(self) -> None:
        """Another load begins."""
        self._weights, self._cache = [], []

    def read(self, line: str) -> None:
        """`load_tensors: CUDA0 model buffer size`, `llama_kv_cache: CUDA0 KV buffer size`."""
        if match := _LLAMA_CPP_BUFFER.search(line):
            self.place(match[1], weights=match[2] == "model")

    def place(self, name: str, *, weights: bool) -> None:
        if weights and self._cache:  # the cache comes last: another load begins
            self.forget()
        (self._weights if weights else self._cache).append(name)

    @property
    def computes_on(self) -> Literal["gpu", "cpu", "both"] | None:
        """Some of the weights are always the CPU's: the token embedding."""
        here = [name for name in self._weights if GPU_BUFFER.fullmatch(name)]
        if self._weights and not here:
            return "cpu"
        if not self._weights or not self._cache:
            return None
        return "gpu" if all(GPU_BUFFER.fullmatch(name) for name in self._cache) else "both"


def offloaded(line: str) -> tuple[int, int] | None:
    """(on the GPU, all), as llama.cpp counts them."""
    match = _OFFLOADED.search(line)
    return (int(match[1]), int(match[2])) if match else None


def believed(layers: Any, computes_on: str | None) -> tuple[int, int] | None:
    """The count of layers, none on the GPU where the buffers say so."""
    if layers is None:
        return None
    return (0, layers[1]) if computes_on == "cpu" else (layers[0], layers[1])
