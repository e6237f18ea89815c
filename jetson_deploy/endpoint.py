"""The address of a server, as one value: every request to it and every printed address goes through here."""

from __future__ import annotations

from typing import Literal

import msgspec

LOOPBACK = "127.0.0.1"


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """A server's address on the network. Today's deployments listen on loopback, in plain HTTP, without a key."""

    scheme: Literal["http", "https"] = "http"
    host: str = LOOPBACK
    port: int
    authentication: Literal["none"] = "none"

    @property
    def address(self) -> str:
        """HOST:PORT, as OLLAMA_HOST takes it."""
        return f"{self.host}:{self.port}"

    @property
    def url(self) -> str:
        """Base URL, without a slash at its end."""
        return f"{self.scheme}://{self.address}"


def tunnel(endpoint: Endpoint) -> str:
    """What makes it reachable on another machine, at the same port of that one's loopback."""
    return f"ssh -L {endpoint.port}:{endpoint.address} BOARD"


def local_endpoint(port: int) -> Endpoint:
    """Of a deployment on this host."""
    return Endpoint(port=port)
