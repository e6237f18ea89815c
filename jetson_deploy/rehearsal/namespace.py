"""A network namespace of its own: port 11434, docker0 and iptables there are used by no other program."""

from __future__ import annotations

import contextlib
import os
import subprocess
from pathlib import Path

import msgspec

from jetson_deploy.errors import PreflightError


class Namespace(msgspec.Struct, frozen=True):
    name: str

    def create(self) -> None:
        """Make it, loopback up. Raises PreflightError without the right to."""
        if os.geteuid() != 0:
            raise PreflightError(
                "a rehearsal needs root: it makes a network namespace and starts a Docker Engine in it",
                hint="run it with sudo",
                code="not-root",
            )
        _ip("netns", "add", self.name)
        subprocess.run([*self.enter(), "ip", "link", "set", "lo", "up"], check=True, capture_output=True)

    def remove(self) -> None:
        with contextlib.suppress(PreflightError):
            _ip("netns", "del", self.name)

    def enter(self) -> list[str]:
        """Prefix of a command to be run inside. Not `ip netns exec`: it remounts /sys and hides v1 cgroups."""
        return ["nsenter", f"--net=/run/netns/{self.name}"]

    @property
    def exists(self) -> bool:
        return Path("/run/netns", self.name).exists()


def _ip(*arguments: str) -> None:
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise PreflightError(
            f"ip {' '.join(arguments)} failed: {done.stderr.strip()}",
            hint="a rehearsal needs root and a kernel with network namespaces",
            code="no-namespace",
        )
