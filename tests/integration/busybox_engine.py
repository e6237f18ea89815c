"""Fixtures of the container tests: an engine that holds a busybox image, and the hardened specification."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import docker
import msgspec
import pytest
from private_engine import PrivateEngine, import_busybox, private_engine

from jetson_deploy.runtime.docker.patience import Patience
from jetson_deploy.runtime.docker.runtime import DockerRuntime
from jetson_deploy.runtime.docker.sdk import connect
from jetson_deploy.runtime.port import ContainerState
from jetson_deploy.spec import ContainerSpec, HealthCheck, MountSpec

LABEL = "io.jetson-deploy.name"


@pytest.fixture(scope="module")
def engine() -> Iterator[PrivateEngine]:
    with private_engine() as started:
        with contextlib.closing(started.client()) as client:
            import_busybox(client, "busybox", "1")
        yield started


@pytest.fixture
def client(engine: PrivateEngine) -> Iterator[docker.APIClient]:
    with contextlib.closing(connect(engine.host, timeout=10)) as connected:
        yield connected
        for container in connected.containers(all=True):
            connected.remove_container(container["Id"], force=True)


@pytest.fixture
def runtime(engine: PrivateEngine, client: docker.APIClient) -> DockerRuntime:
    """`client` removes what it made."""
    return DockerRuntime(engine.host, Patience(look=10))


def spec(store: Path, script: str = "echo ready; exec sleep 60", **more: object) -> ContainerSpec:
    """The full hardened specification, as `plan` writes it."""
    base = ContainerSpec(
        image="busybox:1",
        entrypoint=("sh",),
        command=("-c", script),
        environment={"OLLAMA_HOST": "127.0.0.1:11434", "HOME": "/tmp"},
        mounts=(MountSpec(source=str(store), target="/data", read_only=True),),
        tmpfs={"/tmp": "rw,size=16m"},
        runtime="nvidia",
        network="host",
        restart="no",
        init=True,
        cap_drop=("ALL",),
        security_opt=("no-new-privileges",),
        pids_limit=64,
        oom_score_adj=200,
        log_driver="local",
        log_options={"max-size": "1m", "max-file": "2"},
        health=HealthCheck(command=("true",), interval_seconds=1, timeout_seconds=5, start_period_seconds=1, retries=2),
        stop_seconds=3,
        labels={LABEL: "default"},
    )
    return msgspec.structs.replace(base, **more)


def state(runtime: DockerRuntime, name: str) -> ContainerState:
    found = runtime.inspect(name)
    assert found is not None
    return found
