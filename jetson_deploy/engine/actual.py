"""The inspect answers that tell what a container really has (`plan/actual.py`), over plain HTTP: no docker SDK."""

from __future__ import annotations

import http.client
from typing import Any
from urllib.parse import quote

import msgspec

from jetson_deploy.engine.answers import ANSWER_SECONDS, plain_connection


class Inspected(msgspec.Struct, frozen=True, kw_only=True):
    container: dict[str, Any]
    """GET /containers/NAME/json"""
    image: dict[str, Any] | None
    """GET /images/ID/json of the image it was made from; None: not there."""


def inspected(docker_host: str | None, name: str, timeout: float = ANSWER_SECONDS) -> Inspected | None:
    """None: no such container, or the engine does not answer, or not in plain HTTP (TLS, SSH).

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
        return None
    try:
        connection.request("GET", path, headers={"Host": "docker"})
        response = connection.getresponse()
        body = response.read()
        return msgspec.json.decode(body, type=dict[str, Any]) if response.status == http.client.OK else None
    except (OSError, http.client.HTTPException, msgspec.MsgspecError):
        return None
    finally:
        connection.close()
