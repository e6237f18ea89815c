"""A watch beside a small engine whose container is a small Ollama."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from typing import Any

from small_docker import SmallDocker
from small_ollama import SmallOllama, small_ollama

from jetson_deploy.monitor.llm.tap import Tap
from jetson_deploy.monitor.llm.watch import LlmWatch
from jetson_deploy.monitor.model_parts import Llm, Server
from jetson_deploy.monitor.sample import Trouble
from jetson_deploy.runtime.opened import runtime_at

R1 = {
    "name": "deepseek-r1:8b",
    "model": "deepseek-r1:8b",
    "digest": "c8",
    "size": 1000,
    "size_vram": 750,
    "context_length": 4096,
    "details": {"family": "qwen3", "quantization_level": "Q4_K_M", "families": None},
}


@contextlib.contextmanager
def deployed_ollama(docker: SmallDocker) -> Iterator[SmallOllama]:
    with small_ollama() as found:
        found.models = [R1]
        docker.label(
            name="default", revision="3", model="deepseek-r1:8b", port=str(found.port), context="4096", parallel="2"
        )
        yield found


@contextlib.contextmanager
def watching(docker: SmallDocker | None, endpoint: str | None = None, tap: Tap | None = None) -> Iterator[LlmWatch]:
    runtime = runtime_at(docker.host).quick(2.0) if docker else None
    watch = LlmWatch(runtime, "default", endpoint, tap=tap, period=0.05)
    watch.start()
    try:
        yield watch
    finally:
        watch.close()


def soon(watch: LlmWatch, holds: Callable[[Llm, tuple[Trouble, ...]], Any], seconds: float = 10.0) -> Llm:
    until = time.monotonic() + seconds
    while not holds(*(found := watch.read())):
        assert time.monotonic() < until, found
        time.sleep(0.005)
    return found[0]


def server_of(llm: Llm) -> Server:
    assert llm.server is not None
    return llm.server
