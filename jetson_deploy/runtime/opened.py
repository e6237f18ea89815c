"""Which runtime runs the deployments of this host."""

from __future__ import annotations

from jetson_deploy.runtime.port import Runtime
from jetson_deploy.settings import Settings


def open_runtime(settings: Settings) -> Runtime:
    """It has answered once. Raises PreflightError where it cannot be reached."""
    from jetson_deploy.runtime.docker.runtime import DockerRuntime  # the SDK is needed by what acts alone

    return DockerRuntime.connected(settings.docker_host)
