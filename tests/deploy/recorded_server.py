"""A server that gives recorded answers, for the tests of the proof and of the stability window."""

from __future__ import annotations

from typing import Any

from server import FakeClient, FakeServer

from jetson_deploy.runtime.port import ContainerState
from jetson_deploy.server.port import Generation, ListedModel, RunningModel, ServerLog

DIGEST = "755ced02ce7befdb13b7ca74e1e4d08cddba4986afdb63a480f2c93d3140383f"
ON_GPU = ServerLog(library="cuda", offloaded_layers=(29, 29))


class RecordedServer(FakeClient):
    """One that gives one fixed answer to each question."""

    title = "Ollama"

    def __init__(self, **changes: Any) -> None:
        super().__init__(FakeServer(), "")
        self.answers: dict[str, Any] = {
            "alive": True,
            "version": "0.6.8",
            "models": (ListedModel(name="deepseek-r1:7b", digest=DIGEST, size=4683075440),),
            "running": (running_model(5_000_000_000, 5_000_000_000),),
            "generate": generation(32, 32 / 11.0),
            **changes,
        }

    def alive(self) -> bool:
        return bool(self.answers["alive"])

    def version(self) -> str:
        return str(self.answers["version"])

    def models(self) -> tuple[ListedModel, ...]:
        return tuple(self.answers["models"])

    def running(self) -> tuple[RunningModel, ...]:
        return tuple(self.answers["running"])

    def generate(self, model: str, prompt: str, *, max_tokens: int, timeout: float = 0.0) -> Generation:
        found: Generation = self.answers["generate"]
        return found


def running_model(size: int, gpu: int) -> RunningModel:
    return RunningModel(name="deepseek-r1:7b", digest=DIGEST, size_bytes=size, gpu_bytes=gpu, context_length=4096)


def generation(tokens: int, seconds: float | None) -> Generation:
    return Generation(
        tokens=tokens,
        prompt_tokens=10,
        eval_seconds=seconds,
        load_seconds=1.0,
        total_seconds=2.0,
        done_reason="length",
        text="An edge computer",
        thinking="",
    )


def container_state(**changes: Any) -> ContainerState:
    fields: dict[str, Any] = {
        "id": "c1",
        "name": "jd-default-1-candidate",
        "state": "running",
        "exit_code": None,
        "oom_killed": False,
        "restart_count": 0,
        "error": "",
        "started_at": None,
        "health": None,
        "labels": {},
        "image": "i",
        "image_id": "i",
        "pid": 1,
        "restart_policy": "no",
    }
    return ContainerState(**{**fields, **changes})
