"""Which server serves the deployments of this host."""

from __future__ import annotations

from jetson_deploy.server.ollama.server import OllamaServer
from jetson_deploy.server.port import Server

_SERVER = OllamaServer()


def open_server() -> Server:
    return _SERVER
