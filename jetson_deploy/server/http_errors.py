"""Failures of HTTP requests to a server, as our errors."""

from __future__ import annotations

import http.client
from collections.abc import Callable

import msgspec

from jetson_deploy.errors import JetsonDeployError, UnhealthyError

LOG_HINT = "see `jetson-deploy logs`"


def _error(code: str, message: str, hint: str) -> UnhealthyError:
    return UnhealthyError(message, hint=hint, code=code)


def refusal(
    base_url: str, status: int, body: bytes, meaning: Callable[[str], JetsonDeployError | None]
) -> JetsonDeployError:
    """The error for an HTTP status other than 200."""
    text = _said(body) or f"HTTP {status} {http.client.responses.get(status, '')}".strip()
    return meaning(text) or _error(
        "server-busy" if status == http.client.SERVICE_UNAVAILABLE else "server-error",
        f"the server at {base_url} answers {status}: {text}",
        "try again in a moment" if status == http.client.SERVICE_UNAVAILABLE else LOG_HINT,
    )


def bad_answer(base_url: str, text: str, title: str) -> UnhealthyError:
    return _error(
        "server-bad-answer",
        f"the answer of {base_url} is not {title}'s: {text}",
        "another program may have the port: `ss -ltnp`",
    )


def unreachable(base_url: str, error: Exception, timeout: float, title: str) -> UnhealthyError:
    """The error for a connection that failed or broke."""
    if isinstance(error, TimeoutError):
        return _error("server-timeout", f"no answer from {base_url} within {timeout:g} s", LOG_HINT)
    if isinstance(error, ConnectionResetError | BrokenPipeError | http.client.IncompleteRead):
        return _error("server-stopped", f"the server at {base_url} closed the connection", LOG_HINT)
    if isinstance(error, http.client.HTTPException):
        return bad_answer(base_url, str(error) or type(error).__name__, title)
    return _error(
        "server-unreachable",
        f"nothing answers at {base_url}: {error.strerror if isinstance(error, OSError) else error}",
        "`jetson-deploy status` shows the deployment; `jetson-deploy up` starts it",
    )


def _said(body: bytes) -> str:
    try:
        said = msgspec.json.decode(body, type=dict[str, object]).get("error")
        return str((said.get("message") if isinstance(said, dict) else said) or "")
    except msgspec.MsgspecError:
        return " ".join(body[:300].decode(errors="replace").split())
