"""A private Docker Engine with a runtime called `nvidia`, in the rehearsal's network namespace."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import msgspec

from jetson_deploy.rehearsal.namespace import Namespace
from jetson_deploy.rehearsal.processes import Daemon, end_all, start

PROGRAM = "dockerd"
SHIM = """#!/bin/sh
# Stands in for nvidia-container-runtime: there is no GPU to hand over, so it only runs runc.
exec "$(command -v runc || echo /usr/sbin/runc)" "$@"
"""


class Engine(msgspec.Struct, frozen=True, kw_only=True):
    directory: Path
    """Short: a unix socket's path has at most 108 bytes."""
    namespace: Namespace

    @property
    def socket(self) -> Path:
        return self.directory / "d.sock"

    @property
    def host(self) -> str:
        return f"unix://{self.socket}"

    def start(self) -> int:
        """Its pid, once it answers. On any failure nothing of it is left."""
        shim = self.directory / "nvidia-shim"
        shim.write_text(SHIM)
        shim.chmod(0o755)
        config = {"runtimes": {"nvidia": {"path": str(shim)}}}
        (self.directory / "daemon.json").write_text(json.dumps(config))
        # dockerd dies with its containerd but leaves this file, which the next one would trust.
        (self.directory / "exec/containerd/containerd.pid").unlink(missing_ok=True)
        log = self.directory / "dockerd.log"
        daemon = Daemon(what="the Docker Engine", word=PROGRAM, argv=self._command(), log=log)
        try:
            return start(daemon, self._answers)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End it and unmount what it leaves behind."""
        end_all(self.directory, PROGRAM)
        mounts = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
        for mount in sorted((m for m in mounts if m.startswith(f"{self.directory}/")), reverse=True):
            subprocess.run(["umount", "-l", mount], check=False, capture_output=True)

    def _command(self) -> list[str]:
        here = self.directory
        return [
            *self.namespace.enter(),
            PROGRAM,
            *("--config-file", f"{here}/daemon.json"),
            *("--data-root", f"{here}/data"),
            *("--exec-root", f"{here}/exec"),
            *("--pidfile", f"{here}/docker.pid"),
            *("--host", self.host),
            *("--storage-driver", "overlay2"),
            *("--insecure-registry", "127.0.0.0/8"),
            *("--log-level", "warn"),
            *("--max-download-attempts", "2"),
        ]

    def _answers(self) -> bool:
        from jetson_deploy.engine.answers import ask

        return self.socket.exists() and ask(self.host).problem is None
