"""The runtimes of this host's deployments."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from jetson_deploy.runtime.port import Runtime
from jetson_deploy.settings import Settings

if TYPE_CHECKING:
    from jetson_deploy.runtime.side_by_side import EngineNeed, PortOf
    from jetson_deploy.runtime.systemd.archive_address import ArchiveAddress

PROGRAMS = ".native"
"""Below the state directory: no deployment has such a name."""


def open_runtime(
    settings: Settings,
    port_of: PortOf,
    *,
    native: bool = False,
    archive: Path | ArchiveAddress | None = None,
    need: EngineNeed = "needed",
) -> Runtime:
    """`port_of`: reads a container's labels; `native`: that without a container is wanted; `archive`: a file, or its
    address, with the server for it; `need`: of the engine.

    Nothing is asked yet: `check`, or whatever is asked first, raises PreflightError where it cannot be reached.
    """
    from jetson_deploy.runtime.side_by_side import SideBySide
    from jetson_deploy.runtime.systemd.runtime import SystemdRuntime

    there = SystemdRuntime(settings.state_dir / PROGRAMS, asked=native, archive=archive)
    return SideBySide(runtime_at(settings.docker_host), there, port_of, need)


def runtime_at(docker_host: str | None) -> Runtime:
    """The Docker Engine alone. `docker_host`: DOCKER_HOST's form; None: the default socket."""
    from jetson_deploy.runtime.docker.runtime import DockerRuntime

    return DockerRuntime(docker_host)
