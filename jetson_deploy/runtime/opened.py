"""The runtime of this host's deployments."""

from __future__ import annotations

from jetson_deploy.runtime.port import Runtime
from jetson_deploy.settings import Settings


def open_runtime(settings: Settings) -> Runtime:
    """Nothing is asked yet: `check`, or whatever is asked first, raises PreflightError where it cannot be reached."""
    return runtime_at(settings.docker_host)


def runtime_at(docker_host: str | None) -> Runtime:
    """`docker_host`: DOCKER_HOST's form; None: the default socket."""
    from jetson_deploy.runtime.docker.runtime import DockerRuntime

    return DockerRuntime(docker_host)
