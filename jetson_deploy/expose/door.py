"""What stands on the network for one deployment, as data: everything that HAProxy's configuration is rendered from."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import msgspec

DEFAULT_PORT = 8443


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    concurrent: int = 4
    """Requests of one key at a time, waiting ones included."""
    per_minute: int = 120
    """Requests of one key."""
    waiting: int = 16
    """Requests of all keys that may wait for the model."""
    body_bytes: int = 16 * 1024 * 1024
    """Of a request: pictures travel in it."""
    waiting_seconds: int = 30
    """For the model, then 503."""
    quiet_seconds: int = 1200
    """Without a byte from the server: an answer that is not streamed is silent until it is whole."""
    client_seconds: int = 60
    """A client that neither sends what it began nor reads what it is sent."""
    connections: int = 256
    connections_per_address: int = 64


class Certificate(msgspec.Struct, frozen=True, kw_only=True):
    kind: Literal["own", "given"]
    """`own`: by the deployment's CA; `given`: of the user's files."""
    not_after: str
    """ISO 8601, UTC."""
    sha256: str
    """Of the certificate as it is sent."""


class Door(msgspec.Struct, frozen=True, kw_only=True, tag_field="schema", tag="jetson-deploy.door/1"):
    deployment: str
    host: str
    """IP address; 0.0.0.0 and :: are all of this host."""
    port: int
    names: tuple[str, ...]
    """What a client may call this host: of the certificate, and of the Host header."""
    asked_names: tuple[str, ...] = ()
    """Those of them that were asked for by name."""
    server: str
    """Kind, as in `server_kinds.py`."""
    server_port: int
    """On loopback."""
    parallel: int
    """Requests that the server answers at a time."""
    limits: Limits = Limits()

    @property
    def url(self) -> str:
        """For clients."""
        return f"https://{bracketed(self.names[0])}:{self.port}"

    @property
    def listens(self) -> str:
        return f"{bracketed(self.host)}:{self.port}"


class Exposed(msgspec.Struct, frozen=True, kw_only=True, tag_field="schema", tag="jetson-deploy.exposed/1"):
    """The record of a door that stands."""

    door: Door
    certificate: Certificate
    haproxy: str
    """Version that checked the configuration."""


class DoorVersion(msgspec.Struct, frozen=True):
    """One state of a door in a folder of its own, written once: `current` leads to the one that was proven."""

    folder: Path

    def resolved(self) -> DoorVersion:
        """By its own folder, where this is named by a link."""
        return DoorVersion(self.folder.resolve())

    @property
    def record(self) -> Path:
        """For every user to read; all others are their owner's alone."""
        return self.folder / "door.json"

    @property
    def pem(self) -> Path:
        """Certificate, its chain and its key, as HAProxy reads them."""
        return self.folder / "server.pem"

    @property
    def config(self) -> Path:
        return self.folder / "haproxy.cfg"

    @property
    def error_files(self) -> Path:
        return self.folder / "errors"


class DoorFiles(msgspec.Struct, frozen=True):
    """Where one deployment's files lie; nothing is read or made here."""

    state_dir: Path
    deployment: str

    @property
    def folder(self) -> Path:
        return self.state_dir / self.deployment / "door"

    @property
    def current(self) -> Path:
        """A link to the version that was proven: what a boot starts. Its change is the commit."""
        return self.folder / "current"

    @property
    def ca(self) -> Path:
        """For every user to read."""
        return self.folder / "ca.pem"

    @property
    def ca_key(self) -> Path:
        return self.folder / "ca.key"

    @property
    def keys(self) -> Path:
        """Hash of each key → until when, and whose: HAProxy's map."""
        return self.folder / "keys.map"

    @property
    def key_book(self) -> Path:
        return self.folder / "keys.json"

    @property
    def running(self) -> Path:
        """A link to the version that HAProxy reads now. It lies in memory: a boot starts what `current` says."""
        return Path("/run") / runtime_directory(self.deployment) / "current"

    @property
    def socket(self) -> Path:
        """HAProxy's own, made by its unit."""
        return Path("/run") / runtime_directory(self.deployment) / "admin.sock"


def unit_of(deployment: str) -> str:
    return f"jetson-deploy-expose@{deployment}.service"


def runtime_directory(deployment: str) -> str:
    return f"jetson-deploy-expose-{deployment}"


def bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
