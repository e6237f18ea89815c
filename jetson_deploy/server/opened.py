"""The servers of this host's deployments."""

from __future__ import annotations

import functools
from collections.abc import Callable

from jetson_deploy.errors import PreflightError
from jetson_deploy.names import shown
from jetson_deploy.server.kinds import LLAMA_CPP, OLLAMA, USUAL
from jetson_deploy.server.port import Server


def _ollama() -> Server:
    from jetson_deploy.server.ollama.server import OllamaServer

    return OllamaServer()


def _llama_cpp() -> Server:
    from jetson_deploy.server.llama_cpp.server import LlamaCppServer

    return LlamaCppServer()


_SERVERS: dict[str, Callable[[], Server]] = {OLLAMA: _ollama, LLAMA_CPP: _llama_cpp}
"""A command loads the one that it asks."""


@functools.cache
def open_server(kind: str = USUAL) -> Server:
    """Raises PreflightError `server-unknown`."""
    found = _SERVERS.get(kind)
    if found is None:
        raise PreflightError(
            f"the deployment is served by {shown(kind)}, which this version does not know",
            hint="use the version that deployed it, or a newer one",
            code="server-unknown",
        )
    return found()
