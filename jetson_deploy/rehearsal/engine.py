"""A private Docker Engine with a runtime called `nvidia`, in the rehearsal's network namespace."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import msgspec

from jetson_deploy.rehearsal.namespace import Namespace
from jetson_deploy.rehearsal.processes import Daemon, end_all, kill_trees, running, start
from jetson_deploy.runtime.opened import runtime_at

PROGRAM = "dockerd"
SHIMS = ("containerd-shim-runc-v2", "/usr/bin/containerd-shim-runc-v2")
"""As Debian's and as Docker's own packages start them."""
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
        self._unmount(self.directory)

    def cut_power(self) -> None:
        """What a power cut does: dockerd, containerd, shims and every container's processes die in one moment, and
        what is on a tmpfs is gone. Only what is on the disk is found by the next `start`.
        """
        # Shims are no children of containerd: they are found by their own command line.
        kill_trees([pid for word in (PROGRAM, "containerd", *SHIMS) for pid in running(self.directory, word)])
        self._unmount(self.directory / "data")
        self._unmount(self.directory / "exec")
        shutil.rmtree(self.directory / "exec", ignore_errors=True)
        for name in ("docker.pid", self.socket.name):
            (self.directory / name).unlink(missing_ok=True)

    def _unmount(self, below: Path) -> None:
        mounts = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
        for mount in sorted((m for m in mounts if f"{m}/".startswith(f"{below}/")), reverse=True):
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
        return self.socket.exists() and runtime_at(self.host).facts().problem is None
