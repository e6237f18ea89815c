"""The life of a container: create, start, look, read its log, stop, remove.

Every function raises our errors only (see `trouble`); `name` is a container's name or id throughout.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

import docker
import docker.errors

from jetson_deploy.runtime.docker.errors import engine_text, told_as_ours
from jetson_deploy.runtime.docker.patience import REMOVE_SECONDS, patiently
from jetson_deploy.runtime.docker.responses import kept_response
from jetson_deploy.runtime.docker.spec import creation
from jetson_deploy.runtime.docker.state import as_state
from jetson_deploy.runtime.port import ContainerState
from jetson_deploy.spec import ContainerSpec

_LOG_BYTES = 256 * 1024
RESTORED_SECONDS = 20.0
"""After an engine's start. The refusal was met once, on 20.10 (tests/faults/test_engine_dies.py); how long it can last
is not known."""
_SANDBOX_GONE = re.compile(r"sandbox \w+ not found")


def create(client: docker.APIClient, name: str, spec: ContainerSpec) -> str:
    """Create the container without starting it; returns its id.

    Raises PreflightError: nvidia-runtime-missing, container-name-taken, mount-source-missing,
    image-missing, image-wrong-architecture.
    """
    with told_as_ours(f"creating the container {name}"), patiently(client):
        answer = client.create_container(name=name, **creation(client, spec))
    return str(answer["Id"])


def start(client: docker.APIClient, name: str) -> None:
    """Start it; a running one is left alone.

    A container whose start fails stays behind in the state `created`: the caller removes it. Raises
    PreflightError (nvidia-hook-failed, nvidia-runtime-broken, port-taken …), UnhealthyError.
    """
    with told_as_ours(f"starting the container {name}"), patiently(client):
        client.start(name)


def stop(client: docker.APIClient, name: str, seconds: int) -> None:
    """SIGTERM, and SIGKILL after `seconds`. A stopped container is left alone, one that is gone is fine."""
    with told_as_ours(f"stopping the container {name}"), patiently(client):
        try:
            client.stop(name, timeout=seconds)
        except docker.errors.NotFound:
            return


def remove(client: docker.APIClient, name: str, *, force: bool = False) -> None:
    """Remove it and its anonymous volumes; one that is not there is fine. `force` kills a running one."""
    with told_as_ours(f"removing the container {name}"), patiently(client, REMOVE_SECONDS):
        try:
            client.remove_container(name, force=force, v=True)
        except docker.errors.NotFound:
            return


def rename(client: docker.APIClient, name: str, new_name: str) -> None:
    """An engine that comes back after a kill refuses for a moment, until it has started the container anew."""
    deadline = time.monotonic() + RESTORED_SECONDS
    with told_as_ours(f"renaming the container {name} to {new_name}"):
        while True:
            try:
                client.rename(name, new_name)
                return
            except docker.errors.APIError as error:
                if not _SANDBOX_GONE.search(engine_text(error)) or time.monotonic() > deadline:
                    raise
            time.sleep(0.2)


def set_restart(client: docker.APIClient, name: str, policy: str) -> None:
    """Change the restart policy (`no`, `always`, `on-failure`, `unless-stopped`) at once."""
    with told_as_ours(f"changing the restart policy of {name}"):
        client.update_container(name, restart_policy={"Name": policy})  # type: ignore[arg-type]  # stub wants literals


def inspect(client: docker.APIClient, name: str) -> ContainerState | None:
    """Its state now; None when there is no such container."""
    with told_as_ours(f"looking at the container {name}"):
        try:
            answer = client.inspect_container(name)
        except docker.errors.NotFound:
            return None
    return as_state(answer)


def labelled(client: docker.APIClient, label: str, value: str) -> list[str]:
    """Ids of all containers, running or not, that carry the label with that value."""
    with told_as_ours("asking for the containers"):
        found = client.containers(all=True, filters={"label": f"{label}={value}"})
    return [str(c["Id"]) for c in found]


def logs(client: docker.APIClient, name: str, tail: int = 400) -> str:
    """The last `tail` lines of stdout and stderr, at most the last 256 KiB of them.

    The engine cuts lines at 16 KiB, so even a log of one endless line is bounded.
    """
    with told_as_ours(f"reading the log of {name}"):
        text: bytes = client.logs(name, stdout=True, stderr=True, tail=tail)
    return text[-_LOG_BYTES:].decode(errors="replace")


def follow_logs(client: docker.APIClient, name: str, tail: int = 100) -> Iterator[bytes]:
    """The last `tail` lines and then what comes, in the engine's chunks; ends when the container stops.

    Close the iterator to stop reading.
    """
    with told_as_ours(f"following the log of {name}"):
        with kept_response(client, "/logs") as kept:
            stream = client.logs(name, stdout=True, stderr=True, tail=tail, stream=True, follow=True)
        try:
            yield from stream
        finally:
            kept.drop()
            kept.close()
