"""All containers of the engine at once, with what tells whose they are and what they hold on to."""

from __future__ import annotations

import docker

from jetson_deploy.runtime.docker.errors import told_as_ours
from jetson_deploy.runtime.docker.state import own_name
from jetson_deploy.runtime.port import ListedContainer


def list_containers(client: docker.APIClient) -> tuple[ListedContainer, ...]:
    """Running or not, of everybody."""
    with told_as_ours("asking for the containers"):
        found = client.containers(all=True)
    return tuple(
        ListedContainer(
            id=str(raw["Id"]),
            name=own_name(raw.get("Names")),
            labels=dict(raw.get("Labels") or {}),
            image_id=str(raw.get("ImageID") or ""),
        )
        for raw in found
    )
