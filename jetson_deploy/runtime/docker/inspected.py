"""The inspect answers that tell what a container really has (`plan/actual.py`).

Over plain HTTP, without the docker SDK, where the engine is reached by it (`engine/answers.py`).
"""

from __future__ import annotations

import contextlib
import http.client
from typing import Any
from urllib.parse import quote, unquote

import msgspec

from jetson_deploy.errors import JetsonDeployError
from jetson_deploy.runtime.docker.answers import ANSWER_SECONDS, plain_connection
from jetson_deploy.runtime.port import Inspected


def inspected(docker_host: str | None, name: str, timeout: float = ANSWER_SECONDS) -> Inspected | None:
    """None: no such container, or the engine does not answer.

    `timeout` in seconds is for each of the two questions.
    """
    container = _get(docker_host, f"/containers/{quote(name)}/json", timeout)
    if container is None:
        return None
    return Inspected(
        container=container, image=_get(docker_host, f"/images/{quote(str(container.get('Image')))}/json", timeout)
    )


def image_id(docker_host: str | None, reference: str, timeout: float = ANSWER_SECONDS) -> str | None:
    """Id of the image that a reference names now; None: none, or not known."""
    found = _get(docker_host, f"/images/{quote(reference)}/json", timeout)
    return str(found["Id"]) if found and "Id" in found else None


def _get(docker_host: str | None, path: str, timeout: float) -> dict[str, Any] | None:
    connection = plain_connection(docker_host, timeout)
    if connection is None:
        return _through_sdk(docker_host or "", path, timeout)
    try:
        connection.request("GET", path, headers={"Host": "docker"})
        response = connection.getresponse()
        body = response.read()
        return msgspec.json.decode(body, type=dict[str, Any]) if response.status == http.client.OK else None
    except (OSError, http.client.HTTPException, msgspec.MsgspecError):
        return None
    finally:
        connection.close()


def _through_sdk(docker_host: str, path: str, timeout: float) -> dict[str, Any] | None:
    """For TLS and SSH. The SDK's own inspect: `path` is its question."""
    from jetson_deploy.runtime.docker.errors import told_as_ours
    from jetson_deploy.runtime.docker.sdk import connect

    kind, name = path.removesuffix("/json").lstrip("/").split("/", 1)
    try:
        client = connect(docker_host, timeout=timeout)
        ask = client.inspect_container if kind == "containers" else client.inspect_image
        with contextlib.closing(client), told_as_ours("asking the Docker Engine"):
            found: dict[str, Any] = ask(unquote(name))
            return found
    except JetsonDeployError:
        return None
