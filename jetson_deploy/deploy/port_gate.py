"""Before a prompt is sent: whether it is the deployment's own server that would get it."""

from __future__ import annotations

from pathlib import Path

from jetson_deploy.deploy.run.target import inspect
from jetson_deploy.detect.host import Host
from jetson_deploy.detect.port import user_of
from jetson_deploy.endpoint import local_endpoint
from jetson_deploy.errors import UnhealthyError
from jetson_deploy.facts import PortFacts
from jetson_deploy.runtime.port import ContainerState, Runtime

_OTHER = "a prompt would go to another server: stop that one, or deploy on another port with jetson-deploy up --port"


def check_port(runtime: Runtime, container: str, port: int) -> str:
    """What could not be known; empty: the deployment's container listens.

    Raises UnhealthyError: container-gone, deployment-stopped, nothing-listens, port-taken.
    """
    state = inspect(runtime, container)
    if state.state != "running":
        raise UnhealthyError(
            f"the deployment does not serve: its container {state.name} is {state.state}",
            hint="jetson-deploy logs shows why; jetson-deploy up brings it back",
            code="deployment-stopped",
        )
    found = runtime.listener(port)
    if found.container_id == state.id:
        return ""
    address = local_endpoint(port).address
    if found.listening is False:
        raise UnhealthyError(
            f"nothing listens at {address} of this machine, though the container runs",
            hint="a server that has just been started needs a moment: jetson-deploy logs shows it",
            code="nothing-listens",
        )
    if found.pid is not None:
        who = f"{found.process or 'a process'} (pid {found.pid}) of another container or the host"
        raise UnhealthyError(f"{who} listens at {address}", hint=_OTHER, code="port-taken")
    return _by_user(found, state, address)


def _by_user(found: PortFacts, state: ContainerState, address: str) -> str:
    """Root alone sees whose process a socket is of; its user can be read without."""
    user = user_of(Host(Path("/")), state.pid) if state.pid else None
    if found.uid is None or user is None:
        return f"who listens at {address} cannot be read without root; the container runs"
    if found.uid != user:
        who = f"a process of user {found.uid}, and not of the container's user {user},"
        raise UnhealthyError(f"{who} listens at {address}", hint=_OTHER, code="port-taken")
    return f"which process listens at {address} cannot be read without root; its user, {user}, is the container's"
