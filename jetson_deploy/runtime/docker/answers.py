"""The four read-only questions that facts need: a converged `up` asks little else of the engine."""

from __future__ import annotations

import http.client
from typing import Any

import msgspec

from jetson_deploy.errors import JetsonDeployError
from jetson_deploy.facts import EngineAnswers
from jetson_deploy.runtime.docker.wire import Wire, said

_QUESTIONS = {
    "version": "/version",
    "info": "/info",
    "containers": "/containers/json?all=1",
    "images": "/images/json",
}


def ask(wire: Wire, seconds: float) -> EngineAnswers:
    """Ask info, version, all containers and all images. Never raises for the engine's trouble.

    `problem` is `absent`, `permission`, `hung` or a text; the other fields then are None.
    `seconds` is for each question.
    """
    try:
        return msgspec.convert({key: _get(wire, path, seconds) for key, path in _QUESTIONS.items()}, EngineAnswers)
    except JetsonDeployError as error:
        return EngineAnswers(problem=_SHORT.get(error.code, error.message))
    except (OSError, http.client.HTTPException, msgspec.MsgspecError, _RefusedError) as error:
        return EngineAnswers(problem=_problem(error))


class _RefusedError(Exception):
    """The engine answered, and the answer is no."""


def _get(wire: Wire, path: str, seconds: float) -> Any:
    status, body = wire.ask("GET", path, None, seconds)
    if status != http.client.OK:
        raise _RefusedError(said(body) or f"GET {path}: HTTP {status}")
    return msgspec.json.decode(body)


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


_SHORT = {"engine-absent": "absent", "engine-permission": "permission", "engine-hung": "hung"}
