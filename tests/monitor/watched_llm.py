"""A watch of a runtime in memory whose container is a small Ollama."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from typing import Any

from runtime import FakeRuntime
from small_ollama import SmallOllama, small_ollama

from jetson_deploy.deployment.record import LABEL
from jetson_deploy.monitor.llm.tap import Tap
from jetson_deploy.monitor.llm.watch import LlmWatch
from jetson_deploy.monitor.model_parts import Llm, Server
from jetson_deploy.monitor.sample import SourceFailure
from jetson_deploy.runtime.port import Usage

R1 = {
    "name": "deepseek-r1:8b",
    "model": "deepseek-r1:8b",
    "digest": "c8",
    "size": 1000,
    "size_vram": 750,
    "context_length": 4096,
    "details": {"family": "qwen3", "quantization_level": "Q4_K_M", "families": None},
}


NAME = "jd-default-3"


def fake_runtime() -> FakeRuntime:
    """One container of the deployment, without a model and a port."""
    runtime = FakeRuntime()
    found = runtime.add(NAME, {LABEL + "name": "default"})
    found.started_at, found.usage = "2026-06-11T10:00:00.5Z", Usage(cpu_seconds=2.5, memory_bytes=400)
    return runtime


def label(runtime: FakeRuntime, **labels: str) -> None:
    runtime.containers[NAME].labels = {LABEL + key.replace("_", "-"): value for key, value in labels.items()}


@contextlib.contextmanager
def deployed_ollama(runtime: FakeRuntime) -> Iterator[SmallOllama]:
    with small_ollama() as found:
        found.models = [R1]
        own = {"name": "default", "revision": "3", "model": "deepseek-r1:8b", "port": str(found.port)}
        label(runtime, **own, context="4096", parallel="2")
        yield found


@contextlib.contextmanager
def watching(runtime: FakeRuntime | None, endpoint: str | None = None, tap: Tap | None = None) -> Iterator[LlmWatch]:
    watch = LlmWatch(runtime, "default", endpoint, tap=tap, period=0.05)
    watch.start()
    try:
        yield watch
    finally:
        watch.close()


def soon(watch: LlmWatch, holds: Callable[[Llm, tuple[SourceFailure, ...]], Any], seconds: float = 10.0) -> Llm:
    until = time.monotonic() + seconds
    while not holds(*(found := watch.read())):
        assert time.monotonic() < until, found
        time.sleep(0.005)
    return found[0]


def server_of(llm: Llm) -> Server:
    assert llm.server is not None
    return llm.server
