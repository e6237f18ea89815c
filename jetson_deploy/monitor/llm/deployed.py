"""Our container among the engine's: what was promised, how it is, where its server listens."""

from __future__ import annotations

import msgspec

from jetson_deploy.deployment.instance import newest_committed
from jetson_deploy.deployment.record import Record, label_of
from jetson_deploy.endpoint import local_endpoint
from jetson_deploy.monitor.model_parts import Container, Deployment
from jetson_deploy.runtime.port import ContainerState, EngineAwayError, Runtime, Usage
from jetson_deploy.settings import OLLAMA_PORT


class Deployed(msgspec.Struct, frozen=True, kw_only=True):
    container_id: str
    running: bool
    server: str
    """Kind, as in `server_kinds.py`."""
    endpoint: str
    deployment: Deployment
    container: Container


def find_deployed(runtime: Runtime, name: str, before: Deployed | None = None) -> Deployed | None:
    """The newest committed container of the deployment; None: there is none. Raises EngineAwayError.

    What it uses stays as it was `before`, until `measured` asks.
    """
    mine = newest_committed(one for one in runtime.labelled(*label_of(name)) if one.name)
    found = runtime.inspect(mine.id) if mine else None
    if found is None:
        return None
    record, running = Record.read(found.labels), found.state in ("running", "paused")
    return Deployed(
        container_id=found.id,
        running=found.state == "running",
        server=record.server,
        endpoint=local_endpoint(record.port or OLLAMA_PORT).url,
        deployment=_promised(record, name),
        container=_container(
            found, before.container if running and before and before.container_id == found.id else None
        ),
    )


def measured(runtime: Runtime, deployed: Deployed) -> Deployed:
    """With what the container uses now. The engine takes a second for it when it has others to tell."""
    if deployed.container.state not in ("running", "paused"):
        return deployed
    usage = _usage(runtime, deployed.container_id)
    container = msgspec.structs.replace(
        deployed.container,
        cpu_seconds=usage.cpu_seconds if usage else None,
        memory_bytes=usage.memory_bytes if usage else None,
    )
    return msgspec.structs.replace(deployed, container=container)


def _usage(runtime: Runtime, container: str) -> Usage | None:
    try:
        return runtime.usage(container)
    except EngineAwayError:  # an engine that cannot count; whether it is away was just seen
        return None


def _promised(record: Record, name: str) -> Deployment:
    return Deployment(
        name=name,
        model=record.model or None,
        accept_cpu=record.accept_cpu,
        simulated=record.simulated,
        context_tokens=record.context_tokens or None,
        parallel=record.parallel or None,
    )


def _container(found: ContainerState, before: Container | None) -> Container:
    return Container(
        name=found.name,
        state=found.state,
        cpu_seconds=before.cpu_seconds if before else None,
        memory_bytes=before.memory_bytes if before else None,
        restarts=found.restart_count,
        oom_killed=found.oom_killed,
        exit_code=found.exit_code,
        started_at=found.started_at,
    )
