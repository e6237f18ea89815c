"""Looks for the pure tests: a sound one, to be changed in one point."""

from __future__ import annotations

from typing import Any

import msgspec

from jetson_deploy.runtime.port import ContainerState
from jetson_deploy.watch.judge import Gate
from jetson_deploy.watch.observation import Asked, Observation, ServerObservation, Work

GATE = Gate(model="deepseek-r1:8b", min_gpu_share=0.95, accept_cpu=False)
CONTAINER = ContainerState(
    id="c1",
    name="jd-default-1",
    state="running",
    exit_code=None,
    oom_killed=False,
    restart_count=0,
    error="",
    started_at="2026-01-01T00:00:00Z",
    health=None,
    labels={},
    image="ollama",
    image_id="sha256:1",
    pid=1,
    restart_policy="always",
)
ASKED = Asked(kind="empty", state="done", seconds=0.01)
SERVER = ServerObservation(answers=True, was_loaded=True, loaded=True, gpu_share=1.0, asked=ASKED)
SOUND = Observation(at=1000.0, container=CONTAINER, age=500.0, server=SERVER, work=Work(cores=0.0))


def observed(case: dict[str, dict[str, Any]]) -> Observation:
    """`case`: differences in `observed`, `container`, `server`, `asked` and `work`; a container that does not run is
    not asked."""
    container = msgspec.structs.replace(CONTAINER, **case.get("container", {}))
    asked = msgspec.structs.replace(ASKED, **case.get("asked", {}))
    server = msgspec.structs.replace(SERVER, asked=asked, **case.get("server", {}))
    work = msgspec.structs.replace(Work(cores=0.0), **case.get("work", {}))
    return msgspec.structs.replace(
        SOUND,
        container=container,
        server=server if container.state == "running" else None,
        work=work,
        **case.get("observed", {}),
    )
