"""The four read-only questions that facts need: a converged `up` asks little else of the engine."""

from __future__ import annotations

import http.client
import os
import shutil
from typing import Any

import msgspec

from jetson_deploy.errors import JetsonDeployError
from jetson_deploy.facts import EngineAnswers
from jetson_deploy.runtime.docker.patience import Patience
from jetson_deploy.runtime.docker.wire import Wire, said

_QUESTIONS = {
    "version": "/version",
    "info": "/info",
    "containers": "/containers/json?all=1",
    "images": "/images/json",
}


def ask(wire: Wire, patience: Patience, *, usual: bool = False) -> EngineAnswers:
    """Ask info, version, all containers and all images. Never raises for the engine's trouble.

    `problem` is `absent`, `stopped`, `permission`, `hung` or a text; the other fields then are None.
    `usual`: it is this machine's own socket, so that what is installed here says whether the engine is absent.
    """
    seconds = {"version": min(patience.first, patience.look)}
    try:
        answers = {key: _get(wire, path, seconds.get(key, patience.look)) for key, path in _QUESTIONS.items()}
        return msgspec.convert(answers, EngineAnswers)
    except JetsonDeployError as error:
        return EngineAnswers(problem=_SHORT.get(error.code, error.message))
    except (OSError, http.client.HTTPException, msgspec.MsgspecError, _RefusedError) as error:
        return EngineAnswers(problem=_problem(error, usual=usual))


class _RefusedError(Exception):
    """The engine answered, and the answer is no."""


def _get(wire: Wire, path: str, seconds: float) -> Any:
    status, body = wire.ask("GET", path, None, seconds)
    if status != http.client.OK:
        raise _RefusedError(said(body) or f"GET {path}: HTTP {status}")
    return msgspec.json.decode(body)


def _problem(error: Exception, *, usual: bool) -> str:
    if isinstance(error, FileNotFoundError):
        return "stopped" if usual and installed() else "absent"
    if isinstance(error, ConnectionRefusedError) and usual:
        return "stopped"  # its socket is left over: nothing listens there
    if isinstance(error, PermissionError):
        return "permission"
    if isinstance(error, TimeoutError):
        return "hung"
    if isinstance(error, msgspec.MsgspecError | http.client.HTTPException):
        return f"the answer is not the Docker Engine's ({error or type(error).__name__})"
    return str(error) or type(error).__name__


_SYSTEM_PATH = "/usr/local/sbin:/usr/sbin:/usr/local/bin:/usr/bin:/snap/docker/current/bin"
"""Where the program of the engine lies; a user's own PATH often has no sbin."""


def installed() -> bool:
    return shutil.which("dockerd", path=f"{os.environ.get('PATH', '')}:{_SYSTEM_PATH}") is not None


_SHORT = {"engine-absent": "absent", "engine-permission": "permission", "engine-hung": "hung"}
