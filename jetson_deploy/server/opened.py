"""The servers of this host's deployments."""

from __future__ import annotations

from jetson_deploy.errors import PreflightError
from jetson_deploy.names import shown
from jetson_deploy.server.kinds import LLAMA_CPP, OLLAMA, USUAL
from jetson_deploy.server.llama_cpp.server import LlamaCppServer
from jetson_deploy.server.ollama.server import OllamaServer
from jetson_deploy.server.port import Server

_SERVERS: dict[str, Server] = {OLLAMA: OllamaServer(), LLAMA_CPP: LlamaCppServer()}


def open_server(kind: str = USUAL) -> Server:
    """Raises PreflightError `server-unknown`."""
    found = _SERVERS.get(kind)
    if found is None:
        raise PreflightError(
            f"the deployment is served by {shown(kind)}, which this version does not know",
            hint="use the version that deployed it, or a newer one",
            code="server-unknown",
        )
    return found
