"""Read a llama-server's log (--log-verbosity 4): devices, offloading, buffers, address."""

from __future__ import annotations

import re
from typing import Any

from jetson_deploy.server.buffers import Buffers, believed, offloaded
from jetson_deploy.server.server_log import ServerLog

_LISTENING = re.compile(r"listening on http://(\S{1,300})")
_BUILD = re.compile(r"print_info: build (\S{1,40}) \((\w{1,40})\)")
_DEVICE = re.compile(r"- ((?:CUDA|Vulkan|ROCm|SYCL)\d+) *: (.{1,200}?) \((\d{1,9}) MiB, (\d{1,9}) MiB free\)")
_CAPABILITY = re.compile(r"compute capability (\d{1,2}\.\d)")
_LOADING = "loading model tensors"


def read_server_log(text: str) -> ServerLog:
    found: dict[str, Any] = {}
    buffers = Buffers()
    for line in text.splitlines():
        if _LOADING in line:
            buffers.forget()
            found.pop("offloaded_layers", None)
        buffers.read(line)
        _read(line, found)
    place = buffers.computes_on
    found["offloaded_layers"] = believed(found.get("offloaded_layers"), place)
    return ServerLog(computes_on=place, **found)


def _read(line: str, found: dict[str, Any]) -> None:
    if match := _BUILD.search(line):
        found.clear()  # a new server: what the one before had says nothing
        found["version"] = f"b{match[1]}-{match[2]}"
    if match := _DEVICE.search(line):
        found.setdefault("library", match[1].rstrip("0123456789").lower())
        found.setdefault("gpu_name", match[2])
        found.setdefault("gpu_total_bytes", int(match[3]) << 20)
        found.setdefault("gpu_available_bytes", int(match[4]) << 20)
    if match := _CAPABILITY.search(line):
        found.setdefault("compute_capability", match[1])
    if match := _LISTENING.search(line):
        found["listening"] = match[1]
    if layers := offloaded(line):
        found["offloaded_layers"] = layers
