"""The server's own word: whether it answers, its version, and the models in its memory."""

from __future__ import annotations

import msgspec

from jetson_deploy.errors import JetsonDeployError, UsageError
from jetson_deploy.names import shown
from jetson_deploy.server.exchange import RunningModel
from jetson_deploy.server.opened import open_server
from jetson_deploy.server_kinds import USUAL

_ANSWER_SECONDS = 5.0
"""/api/ps takes a millisecond on a server that works, whatever it computes (measured)."""
_DOWN = ("server-unreachable", "server-timeout", "server-stopped", "server-bad-answer")


class ServerSeen(msgspec.Struct, frozen=True, kw_only=True):
    endpoint: str
    up: bool
    kind: str = USUAL
    version: str | None = None
    models: tuple[RunningModel, ...] = ()
    problem: str | None = None
    """It answers, but not as it should."""

    @property
    def logs_tokens(self) -> bool:
        return open_server(self.kind).logs_tokens(self.version)


class ServerLook:
    """Remembers the version while the same server runs."""

    def __init__(self) -> None:
        self._known: tuple[str, str, str | None] | None = None
        self._version: str | None = None

    def look(self, endpoint: str, run: str | None, kind: str = USUAL) -> ServerSeen:
        """`run` changes when the server was started anew."""
        server = open_server(kind).client(endpoint, timeout=_ANSWER_SECONDS)
        if self._known != (kind, endpoint, run):
            self._known, self._version = (kind, endpoint, run), None
        try:
            if self._version is None:
                self._version = server.version()
            models = server.running()
        except JetsonDeployError as error:
            up = error.code not in _DOWN
            self._version = self._version if up else None
            strange = up or error.code == "server-bad-answer"
            problem = error.message if strange else None
            return ServerSeen(endpoint=endpoint, up=up, kind=kind, version=self._version, problem=problem)
        return ServerSeen(endpoint=endpoint, up=True, kind=kind, version=self._version, models=models)


def check_endpoint(text: str) -> None:
    """Raises UsageError `bad-endpoint`."""
    try:
        open_server().client(text, timeout=_ANSWER_SECONDS)
    except ValueError as error:
        raise UsageError(
            f"{shown(text)} is not an http:// address: {error}",
            hint="give it as http://127.0.0.1:11434",
            code="bad-endpoint",
        ) from error
