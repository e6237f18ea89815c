"""Where a loaded model lies: by the server's own figures, and by the buffers that its log names."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jetson_deploy.server.server_log import ServerLog


def all_on_gpu(log: ServerLog) -> bool | None:
    """By the log alone; None: it does not show it."""
    partly = log.offloaded_layers is not None and log.offloaded_layers[0] < log.offloaded_layers[1]
    if partly or log.computes_on in ("cpu", "both"):
        return False
    if log.computes_on is None:
        return False if log.library == "cpu" else None
    return True


def seen_where(share: float | None, log: ServerLog) -> str:
    """For people. `share`: of the model on the GPU, as the server says."""
    return (_by_buffers(log) if share is None else f"{share:.0%} on the GPU") + _layers(log)


def _by_buffers(log: ServerLog) -> str:
    """A server that tells no share, or a wrong one: 0 of 0 bytes."""
    places = {"gpu": "on the GPU", "cpu": "on the CPU", "both": "partly on the CPU"}
    place = places.get(log.computes_on or "")
    return f"weights and KV cache {place}, by its log" if place else "GPU share unknown, the server does not tell it"


def _layers(log: ServerLog) -> str:
    """Of all layers only where buffers of the GPU stand behind it: a server without a GPU writes that line too."""
    if log.offloaded_layers is None:
        return ""
    here, total = log.offloaded_layers
    if here == total and log.computes_on == "both":
        return ", KV cache partly on the CPU"
    return f", {here}/{total} layers offloaded" if here < total or log.computes_on == "gpu" else ""
