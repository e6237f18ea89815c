"""What a server's log says of its start, its last load and a prompt."""

from __future__ import annotations

from typing import Literal

import msgspec


class ServerLog(msgspec.Struct, frozen=True, kw_only=True):
    """What a log says. None: it does not say."""

    library: str | None = None
    """cuda, cpu, or another name as the server writes it, in lower case. Of the last model load where one
    was logged, else of the start."""
    offloaded_layers: tuple[int, int] | None = None
    """(on the GPU, all) of the last load, as the server counts them: no proof of a GPU."""
    computes_on: Literal["gpu", "cpu", "both"] | None = None
    """Where the last load put weights and KV cache; gpu: every layer's, by the names of the buffers."""
    gpu_name: str | None = None
    gpu_total_bytes: int | None = None
    gpu_available_bytes: int | None = None
    """Memory that the server saw free at its start."""
    compute_capability: str | None = None
    listening: str | None = None
    """address:port of the last start."""
    version: str | None = None


class CutPrompt(msgspec.Struct, frozen=True, kw_only=True):
    """A prompt that was longer than the context."""

    tokens: int
    """As it was sent."""
    read_tokens: int
