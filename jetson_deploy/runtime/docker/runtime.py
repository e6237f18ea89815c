"""The Docker Engine as the runtime of a deployment: what is changed goes through the docker SDK."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import docker

from jetson_deploy.events import Reporter
from jetson_deploy.runtime.docker import containers, images
from jetson_deploy.runtime.docker.listing import list_containers
from jetson_deploy.runtime.docker.sdk import connect
from jetson_deploy.runtime.port import ContainerState, ListedContainer, PulledImage
from jetson_deploy.spec import ContainerSpec


class DockerRuntime:
    """See `runtime/port.py` for each method."""

    def __init__(self, client: docker.APIClient) -> None:
        self._client = client

    @classmethod
    def connected(cls, docker_host: str | None) -> DockerRuntime:
        """Raises PreflightError: engine-absent, engine-permission, engine-hung, engine-refused, engine-vanished."""
        return cls(connect(docker_host))

    def create(self, name: str, spec: ContainerSpec) -> str:
        return containers.create(self._client, name, spec)

    def start(self, name: str) -> None:
        containers.start(self._client, name)

    def stop(self, name: str, seconds: int) -> None:
        containers.stop(self._client, name, seconds)

    def remove(self, name: str, *, force: bool = False) -> None:
        containers.remove(self._client, name, force=force)

    def rename(self, name: str, new_name: str) -> None:
        containers.rename(self._client, name, new_name)

    def set_restart(self, name: str, policy: str) -> None:
        containers.set_restart(self._client, name, policy)

    def inspect(self, name: str) -> ContainerState | None:
        return containers.inspect(self._client, name)

    def list_containers(self) -> tuple[ListedContainer, ...]:
        return list_containers(self._client)

    def labelled(self, label: str, value: str) -> list[str]:
        return containers.labelled(self._client, label, value)

    def logs(self, name: str, tail: int = 400) -> str:
        return containers.logs(self._client, name, tail)

    def follow_logs(self, name: str, tail: int = 100) -> Iterator[bytes]:
        return containers.follow_logs(self._client, name, tail)

    def find_image(self, reference: str) -> PulledImage | None:
        return images.find_image(self._client, reference)

    def remove_image(self, reference: str) -> str | None:
        return images.remove_image(self._client, reference)

    def pull_image(
        self, reference: str, *, report: Reporter, stop: threading.Event, stall_seconds: float
    ) -> PulledImage:
        from jetson_deploy.runtime.docker.pull import pull_image

        return pull_image(self._client, reference, report=report, stop=stop, stall_seconds=stall_seconds)
