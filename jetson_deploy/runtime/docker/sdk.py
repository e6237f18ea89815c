"""A client for the Docker Engine, or the reason why there is none."""

from __future__ import annotations

import socket

import docker

from jetson_deploy.runtime.docker.errors import no_engine, one_line
from jetson_deploy.runtime.docker.sdk_errors import ENGINE_TROUBLE, engine_text, transport_error
from jetson_deploy.runtime.docker.wire import DEFAULT_SOCKET

DEFAULT_HOST = f"unix://{DEFAULT_SOCKET}"


def connect(docker_host: str | None, *, timeout: float = 20.0) -> docker.APIClient:
    """A client that has spoken to the engine once (the API version is agreed: one call, about 2 ms).

    `docker_host` is DOCKER_HOST's form; None means the default socket. `timeout` in seconds bounds every
    later call except streams. Raises PreflightError: engine-absent, engine-permission, engine-hung,
    engine-refused, engine-vanished. Close the client when done.
    """
    host = docker_host or DEFAULT_HOST
    doing = f"asking the Docker Engine at {host}"
    try:
        _knock(host)
        return docker.APIClient(base_url=host, version="auto", timeout=timeout)  # type: ignore[arg-type]  # stub: int only
    except ENGINE_TROUBLE as error:
        raise transport_error(error, doing) or no_engine(one_line(engine_text(error)), doing) from error


def _knock(host: str) -> None:
    """Fail here rather than in the SDK, which leaves the socket of a failed connection open."""
    path = host.removeprefix("http+").removeprefix("unix://")
    if path != host:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            probe.settimeout(5.0)
            probe.connect(path)
