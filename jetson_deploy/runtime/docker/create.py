"""Creating a container through the docker SDK, which knows how a spec is written for each version of the engine."""

from __future__ import annotations

import docker

from jetson_deploy.runtime.docker.sdk_errors import as_our_errors
from jetson_deploy.runtime.docker.spec import creation
from jetson_deploy.spec import ContainerSpec


def create_container(client: docker.APIClient, name: str, spec: ContainerSpec, seconds: float) -> str:
    """Create the container without starting it; returns its id. Not for a client that another thread uses."""
    usual, client.timeout = client.timeout, int(seconds)
    try:
        with as_our_errors(f"creating the container {name}"):
            return str(client.create_container(name=name, **creation(client, spec))["Id"])
    finally:
        client.timeout = usual
