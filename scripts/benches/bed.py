"""A real registry behind HAProxy in a network namespace of its own, and ways to reach it.

HAProxy is there for Ollama: its `pull` insists on a `Location` header in the answers for blobs, which a plain
registry sends only with a redirect. All clients go through it, so that it costs all of them the same.
"""

from __future__ import annotations

import contextlib
import secrets
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from jetson_deploy.rehearsal.namespace import Namespace
from jetson_deploy.rehearsal.processes import Daemon, end_all, start
from jetson_deploy.rehearsal.registry import ADDRESS, Registry

PACKAGES = ("docker-registry", "haproxy", "iproute2", "util-linux", "curl", "openssl")
PORT = 5001
_HAPROXY = f"""\
global
  maxconn 200
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
frontend registry
  bind :{PORT}
  http-request set-var(txn.path) path
  http-response set-header Location %[var(txn.path)] if {{ var(txn.path) -m sub /blobs/sha256: }} {{ status 200 206 }}
  default_backend registry
backend registry
  server registry {ADDRESS}
"""


class Side(NamedTuple):
    """Where clients run."""

    namespace: Namespace
    host: str
    """HAProxy's address, seen from there."""

    @property
    def address(self) -> str:
        return f"{self.host}:{PORT}"

    def inside(self, *command: str) -> list[str]:
        return [*self.namespace.enter(), *command]


@contextlib.contextmanager
def namespace(what: str) -> Iterator[Namespace]:
    made = Namespace(f"jdb-{what}-{secrets.token_hex(3)}")
    try:
        made.create()
        yield made
    finally:
        if made.exists:
            made.remove()


class Bed(NamedTuple):
    """Registry and HAProxy, running."""

    registry: Registry
    direct: Side
    """Over loopback, beside them."""

    def push(self, bundle: Path) -> None:
        self.registry.push(bundle)


@contextlib.contextmanager
def bed(work: Path) -> Iterator[Bed]:
    directory = work / "bed"
    directory.mkdir()
    with namespace("origin") as origin:
        registry = Registry(directory=directory, namespace=origin)
        try:
            registry.start()
            _start_haproxy(directory, origin)
            yield Bed(registry, Side(origin, "127.0.0.1"))
        finally:
            end_all(directory, "haproxy")
            registry.stop()


def _start_haproxy(directory: Path, where: Namespace) -> None:
    configuration = directory / "haproxy.cfg"
    configuration.write_text(_HAPROXY)
    argv = [*where.enter(), "haproxy", "-db", "-f", str(configuration)]
    probe = [*where.enter(), "curl", "-sSf", "-o", "/dev/null", f"http://127.0.0.1:{PORT}/v2/"]

    def answers() -> bool:
        return subprocess.run(probe, capture_output=True, check=False).returncode == 0

    start(Daemon(what="HAProxy", word="haproxy", argv=argv, log=directory / "haproxy.log"), answers)
