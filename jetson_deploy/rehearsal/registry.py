"""A real registry (docker-registry) that serves the stand-in image and the stand-in model."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Protocol

import msgspec

from jetson_deploy.errors import PreflightError
from jetson_deploy.rehearsal.processes import Daemon, end_all, start

PROGRAM = "docker-registry"
ADDRESS = "127.0.0.1:5000"
CONFIGURATION = """\
version: 0.1
log: {{level: error, accesslog: {{disabled: true}}}}
storage: {{filesystem: {{rootdirectory: {data}}}}}
http: {{addr: {address}}}
"""


class Network(Protocol):
    def enter(self) -> list[str]:
        """Prefix of a command to be run inside."""


class Registry(msgspec.Struct, frozen=True, kw_only=True):
    directory: Path
    namespace: Network
    address: str = ADDRESS

    @property
    def data(self) -> Path:
        return self.directory / "registry"

    def start(self) -> int:
        """Its pid, once it answers. On any failure nothing of it is left."""
        configuration = self.directory / "registry.yml"
        configuration.write_text(CONFIGURATION.format(data=self.data, address=self.address))
        argv = [*self.namespace.enter(), PROGRAM, "serve", str(configuration)]
        log = self.directory / "registry.log"
        return start(Daemon(what="the registry", word=PROGRAM, argv=argv, log=log), self._answers)

    def stop(self) -> None:
        end_all(self.directory, PROGRAM)

    def push(self, bundle: Path) -> None:
        """Push what `push.Bundle` wrote, from inside the namespace, over HTTP as any client would."""
        argv = [
            *self.namespace.enter(),
            sys.executable,
            "-m",
            "jetson_deploy.rehearsal.push",
            self.address,
            str(bundle),
        ]
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise PreflightError(
                f"the rehearsal's registry refused a push: {done.stderr.strip().splitlines()[-1:]}",
                hint=f"see {self.directory / 'registry.log'}",
                code="push-failed",
            )

    def blob(self, digest: str) -> Path:
        """Where the registry keeps a blob; for the fault that damages it there."""
        hexdigits = digest.removeprefix("sha256:")
        return self.data / "docker/registry/v2/blobs/sha256" / hexdigits[:2] / hexdigits / "data"

    def _answers(self) -> bool:
        probe = [*self.namespace.enter(), sys.executable, "-c", _PROBE, *self.address.split(":")]
        return subprocess.run(probe, capture_output=True, check=False).returncode == 0


_PROBE = "import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), 1).close()"
