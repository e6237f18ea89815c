"""A server and a runtime that give recorded answers, for the tests of the proof and of the stability window."""

from __future__ import annotations

from typing import Any

from runtime import FakeRuntime
from server import FakeClient, FakeServer

from jetson_deploy.facts import PortFacts
from jetson_deploy.runtime.port import ContainerState
from jetson_deploy.server.exchange import Generation, ListedModel, RunningModel
from jetson_deploy.server.server_log import ServerLog

DIGEST = "755ced02ce7befdb13b7ca74e1e4d08cddba4986afdb63a480f2c93d3140383f"
ON_GPU = ServerLog(library="cuda", offloaded_layers=(29, 29), computes_on="gpu")


class RecordedServer(FakeServer):
    """One that gives one fixed answer to each question."""

    title = "Ollama"

    def __init__(self, *, log: ServerLog = ON_GPU, **changes: Any) -> None:
        super().__init__()
        self.log = log
        self.answers: dict[str, Any] = {
            "alive": True,
            "version": "0.6.8",
            "models": (ListedModel(name="deepseek-r1:7b", digest=DIGEST, size=4683075440),),
            "running": (running_model(5_000_000_000, 5_000_000_000),),
            "generate": generation(32, 32 / 11.0),
            "known": generation(4, 0.4, text=" Paris, and"),
            **changes,
        }

    def client(self, url: str, *, timeout: float = 10.0) -> RecordedClient:
        return RecordedClient(self, url)

    def read_log(self, text: str) -> ServerLog:
        return self.log


class RecordedClient(FakeClient):
    title = RecordedServer.title

    def __init__(self, server: RecordedServer, url: str) -> None:
        super().__init__(server, url)
        self._answers = server.answers

    def alive(self) -> bool:
        return bool(self._answers["alive"])

    def version(self) -> str | None:
        found: str | None = self._answers["version"]
        return found

    def models(self) -> tuple[ListedModel, ...]:
        return tuple(self._answers["models"])

    def running(self) -> tuple[RunningModel, ...]:
        return tuple(self._answers["running"])

    def generate(
        self, model: str, prompt: str, *, max_tokens: int, raw: bool = False, timeout: float = 0.0
    ) -> Generation:
        found: Generation = self._answers["known" if raw else "generate"]
        return found


class RecordedRuntime(FakeRuntime):
    """One whose one container is in a fixed state, None: gone; and who listens on the port."""

    def __init__(self, state: ContainerState, port: PortFacts | None = None) -> None:
        super().__init__()
        self.state: ContainerState | None = state
        self.port = port or PortFacts(port=11434, listening=True, container_id=state.id)

    def inspect(self, name: str) -> ContainerState | None:
        return self.state

    def listener(self, port: int) -> PortFacts:
        return self.port

    def logs(self, name: str, tail: int = 400) -> str:
        return ""


def running_model(size: int, gpu: int) -> RunningModel:
    return RunningModel(name="deepseek-r1:7b", digest=DIGEST, size_bytes=size, gpu_bytes=gpu, context_length=4096)


def generation(tokens: int, seconds: float | None, *, text: str = "An edge computer", thinking: str = "") -> Generation:
    return Generation(
        tokens=tokens,
        prompt_tokens=10,
        eval_seconds=seconds,
        load_seconds=1.0,
        total_seconds=2.0,
        done_reason="length",
        text=text,
        thinking=thinking,
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
