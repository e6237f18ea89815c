"""The four read-only questions that facts need, asked without the docker SDK where possible.

`import docker` costs about 120 ms and 21 MiB on the development machine, the questions themselves about
10 ms; a converged `up` asks nothing else of the engine. So a unix socket or plain TCP is asked through
http.client; TLS and SSH hosts go through the SDK.
"""

from __future__ import annotations

import http.client
import os
import socket
from urllib.parse import urlsplit

import msgspec

from jetson_deploy.errors import JetsonDeployError
from jetson_deploy.facts import EngineAnswers

_DEFAULT_SOCKET = "/var/run/docker.sock"
ANSWER_SECONDS = 20.0
"""An engine that unpacks an image on an SD card takes seconds for its list of images."""
_QUESTIONS = {
    "version": "/version",
    "info": "/info",
    "containers": "/containers/json?all=1",
    "images": "/images/json",
}


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a unix socket."""

    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def ask(docker_host: str | None, *, timeout: float = ANSWER_SECONDS) -> EngineAnswers:
    """Ask info, version, all containers and all images. Never raises for the engine's trouble.

    `problem` is `absent`, `permission`, `hung` or a text; the other fields then are None.
    `timeout` in seconds is for each question.
    """
    connection = plain_connection(docker_host, timeout)
    if connection is None:
        return _through_sdk(docker_host or "", timeout)
    try:
        return msgspec.convert({key: _get(connection, path) for key, path in _QUESTIONS.items()}, EngineAnswers)
    except (OSError, http.client.HTTPException, msgspec.MsgspecError, _RefusedError) as error:
        return EngineAnswers(problem=_problem(error))
    finally:
        connection.close()


class _RefusedError(Exception):
    """The engine answered, and the answer is no."""


def plain_connection(docker_host: str | None, timeout: float) -> http.client.HTTPConnection | None:
    """None: a host that only the SDK reaches (TLS, SSH). `timeout` in seconds is for each wait."""
    parts = urlsplit(docker_host or f"unix://{_DEFAULT_SOCKET}")
    if parts.scheme == "unix":
        return UnixConnection(parts.netloc + parts.path or _DEFAULT_SOCKET, timeout)
    if parts.scheme in ("tcp", "http") and not os.environ.get("DOCKER_TLS_VERIFY"):
        return http.client.HTTPConnection(parts.hostname or "localhost", parts.port or 2375, timeout=timeout)
    return None


def _get(connection: http.client.HTTPConnection, path: str) -> object:
    connection.request("GET", path)
    response = connection.getresponse()
    body = response.read()
    if response.status != http.client.OK:
        raise _RefusedError(said(body) or f"GET {path}: HTTP {response.status}")
    return msgspec.json.decode(body)


def said(body: bytes) -> str:
    """The words of a refusal."""
    try:
        return msgspec.json.decode(body, type=dict[str, str]).get("message", "")
    except msgspec.MsgspecError:
        return body[:200].decode(errors="replace").strip()


def _problem(error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return "absent"
    if isinstance(error, PermissionError):
        return "permission"
    if isinstance(error, TimeoutError):
        return "hung"
    if isinstance(error, msgspec.MsgspecError | http.client.HTTPException):
        return f"the answer is not the Docker Engine's ({error or type(error).__name__})"
    return str(error) or type(error).__name__


def _through_sdk(docker_host: str, timeout: float) -> EngineAnswers:
    from jetson_deploy.runtime.docker.errors import told_as_ours
    from jetson_deploy.runtime.docker.sdk import connect  # the SDK is needed for this host only

    try:
        client = connect(docker_host, timeout=timeout)
    except JetsonDeployError as error:
        return EngineAnswers(problem=_SHORT.get(error.code, error.message))
    try:
        with told_as_ours("asking the Docker Engine"):
            return EngineAnswers(
                info=client.info(),
                version=client.version(),
                containers=client.containers(all=True),
                images=client.images(),
            )
    except JetsonDeployError as error:
        return EngineAnswers(problem=_SHORT.get(error.code, error.message))
    finally:
        client.close()


_SHORT = {"engine-absent": "absent", "engine-permission": "permission", "engine-hung": "hung"}
