"""Read a server's log: GPU, offloading and address.

Read for all generations: up to 0.12.3 (`msg=offload library=cuda layers.offload=29`), 0.12.4 and later
(`library=CUDA`, `GPULayers:29[…]`), and llama.cpp's own line in both (`offloaded 29/29 layers to GPU`).
Recorded here on a CPU from 0.6.8, 0.9.5, 0.11.4, 0.24.0; the GPU lines are those of real boards.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from jetson_deploy.server.buffers import Buffers, believed, offloaded
from jetson_deploy.server.ollama.replies import NO_VERSION
from jetson_deploy.server.server_log import ServerLog

_UNITS = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40}
_FIELD = re.compile(r'(\w[\w.]*)=(?:"((?:[^"\\]|\\.)*)"|(\S*))')


def read_server_log(text: str) -> ServerLog:
    """Read a log, or the end of one; when it holds several starts and loads, the last counts."""
    found: dict[str, Any] = {}
    for line in text.splitlines():
        for mark, read in _READERS:
            if mark in line:
                read(line, found)
    found["computes_on"] = found.pop("_buffers", Buffers()).computes_on
    found["offloaded_layers"] = believed(found.get("offloaded_layers"), found["computes_on"])
    found.pop("_layers", None)
    return ServerLog(**found)


def _listening(line: str, found: dict[str, Any]) -> None:
    if match := re.search(r"Listening on (\S+) \(version ([^)\"]+)\)", line):
        found.clear()  # a new server: what the one before had says nothing
        found["listening"] = match[1]
        found["version"] = None if match[2] == NO_VERSION else match[2]


def _buffer(line: str, found: dict[str, Any]) -> None:
    _buffers(found).read(line)


def _device(line: str, found: dict[str, Any]) -> None:
    """`msg="model weights" device=CUDA0`, `msg="kv cache" device=CUDA0`: Ollama's engine."""
    fields = _fields(line)
    if name := fields.get("device") or fields.get("buffer"):
        _buffers(found).place(name, weights=fields.get("msg") == "model weights")


def _forget_buffers(line: str, found: dict[str, Any]) -> None:
    _buffers(found).forget()


def _buffers(found: dict[str, Any]) -> Buffers:
    buffers: Buffers = found.setdefault("_buffers", Buffers())
    return buffers


def _compute(line: str, found: dict[str, Any]) -> None:
    fields = _fields(line)
    library = fields.get("library", "").lower()
    if not library:
        return
    found["library"] = library
    if library != "cpu":
        found["gpu_name"] = fields.get("description") or fields.get("name") or None
        found["gpu_total_bytes"] = _bytes(fields.get("total", ""))
        found["gpu_available_bytes"] = _bytes(fields.get("available", ""))
        found["compute_capability"] = fields.get("compute") or None


def _offload_estimate(line: str, found: dict[str, Any]) -> None:
    fields = _fields(line)
    if "layers.offload" not in fields:
        return
    _forget_buffers(line, found)
    found["library"] = fields.get("library", "").lower() or found.get("library")
    _set_layers(found, fields["layers.offload"], fields.get("layers.model", ""))


def _loading(line: str, found: dict[str, Any]) -> None:
    _forget_buffers(line, found)
    found["_layers"] = (re.search(r'"model layers"=(\d+)', line) or ["", ""])[1]
    found.pop("offloaded_layers", None)


def _committed(line: str, found: dict[str, Any]) -> None:
    match = re.search(r"Operation:commit.* GPULayers:(\d*)\[", line)
    if match and found.get("_layers"):
        _set_layers(found, match[1] or "0", found["_layers"])


def _offloaded(line: str, found: dict[str, Any]) -> None:
    if layers := offloaded(line):
        found["offloaded_layers"] = layers


def _set_layers(found: dict[str, Any], on_gpu: str, total: str) -> None:
    if on_gpu.isdigit() and total.isdigit():
        found["offloaded_layers"] = (int(on_gpu), int(total))


_READERS: tuple[tuple[str, Callable[[str, dict[str, Any]], None]], ...] = (
    ("Listening on", _listening),
    ("inference compute", _compute),
    ("msg=offload", _offload_estimate),
    ('msg="loading model"', _loading),
    ("GPULayers:", _committed),
    ("layers to GPU", _offloaded),
    ("loading model tensors", _forget_buffers),
    (" buffer size", _buffer),
    ('msg="model weights"', _device),
    ('msg="kv cache"', _device),
)


def _fields(line: str) -> dict[str, str]:
    return {key: quoted or plain for key, quoted, plain in _FIELD.findall(line)}


def _bytes(text: str) -> int | None:
    """`61.4 GiB` → bytes."""
    number, _, unit = text.partition(" ")
    try:
        return round(float(number) * _UNITS[unit])
    except (ValueError, KeyError):
        return None
