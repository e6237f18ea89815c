"""The server of this host's deployments."""

from __future__ import annotations

from jetson_deploy.server.ollama.server import OllamaServer
from jetson_deploy.server.port import Server

_SERVER = OllamaServer()


def open_server() -> Server:
    return _SERVER
