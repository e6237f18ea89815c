"""The server under question: one container of ours, asked by way of its runtime and its server."""

from __future__ import annotations

import time
from collections.abc import Callable

import msgspec

from jetson_deploy.deployment.instance import Instance, read_instance
from jetson_deploy.deployment.plan import Gates, Speed
from jetson_deploy.endpoint import local_endpoint
from jetson_deploy.errors import UnhealthyError
from jetson_deploy.facts import ContainerFacts, PortFacts
from jetson_deploy.runtime.port import ContainerState, Runtime
from jetson_deploy.server.port import Server, ServerClient, Servers
from jetson_deploy.server.server_log import ServerLog

ANSWER_SECONDS = 30.0
LOG_LINES = 600


class Target(msgspec.Struct, frozen=True, kw_only=True):
    runtime: Runtime
    server: Server
    container: str
    model: str
    port: int
    gates: Gates
    predicted: Speed | None = None
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic

    @property
    def client(self) -> ServerClient:
        return self.server.client(local_endpoint(self.port).url, timeout=ANSWER_SECONDS)

    def inspect(self) -> ContainerState:
        """Raises UnhealthyError when the container is gone."""
        return inspect(self.runtime, self.container)

    def listener(self) -> PortFacts:
        return self.runtime.listener(self.port)

    def log(self) -> ServerLog:
        return self.server.read_log(self.runtime.logs(self.container, tail=LOG_LINES))


def target_of(
    runtime: Runtime, servers: Servers, container: str, gates: Gates, predicted: Speed | None = None
) -> Target:
    """The questions that `gates` demand of a container of ours; port and model are in its labels."""
    record = read_instance(as_facts(inspect(runtime, container))).record
    return Target(
        runtime=runtime,
        server=servers(record.server),
        container=container,
        model=record.model,
        port=record.port,
        gates=gates,
        predicted=predicted,
    )


def serving_target(runtime: Runtime, servers: Servers, serving: Instance, min_gpu_share: float) -> Target:
    """The questions that a deployment answers by its own labels."""
    record = serving.record
    gates = Gates(
        min_gpu_share=min_gpu_share if record.asked_gpu_share is None else record.asked_gpu_share,
        accept_cpu=record.accept_cpu,
        floor_tokens_per_second=None,
        expect_version=None,
        expect_manifest_digest=record.manifest_digest,
    )
    return Target(
        runtime=runtime,
        server=servers(record.server),
        container=serving.container,
        model=record.model,
        port=record.port,
        gates=gates,
    )


def inspect(runtime: Runtime, container: str) -> ContainerState:
    """Its state. Raises UnhealthyError when it is gone."""
    found = runtime.inspect(container)
    if found is None:
        raise UnhealthyError(
            f"container {container} is gone",
            hint="another program removed it; run up again",
            code="container-gone",
        )
    return found


def as_facts(state: ContainerState) -> ContainerFacts:
    return ContainerFacts(
        id=state.id,
        name=state.name,
        state=state.state,
        image=state.image,
        labels=state.labels,
        restart_policy=state.restart_policy,
    )
