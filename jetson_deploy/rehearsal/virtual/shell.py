"""ssh into a board from this machine's loopback, with keys made for it and its host key known."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

import msgspec

from jetson_deploy.rehearsal.fleet.keys import make_key

USER = "root"
_HERE = "127.0.0.1"


class Shell(msgspec.Struct, frozen=True):
    directory: Path
    name: str
    port: int

    @property
    def key(self) -> Path:
        return self.directory / "id"

    @property
    def host_key(self) -> Path:
        return self.directory / "host"

    @property
    def known_hosts(self) -> Path:
        return self.directory / "known_hosts"

    def make_keys(self) -> None:
        make_key(self.key, "virtual-board")
        public = make_key(self.host_key, self.name)
        kind, value = public.split()[:2]
        self.known_hosts.write_text(f"{self.name} {kind} {value}\n")

    def options(self) -> list[str]:
        """One connection is shared by all commands: an emulated board takes a second for each handshake."""
        pairs = {
            "IdentityFile": self.key,
            "IdentitiesOnly": "yes",
            "BatchMode": "yes",
            "StrictHostKeyChecking": "yes",
            "UserKnownHostsFile": self.known_hosts,
            "GlobalKnownHostsFile": "/dev/null",
            "HostKeyAlias": self.name,
            "ConnectTimeout": "30",
            "ServerAliveInterval": "60",
            "LogLevel": "ERROR",
            "ControlMaster": "auto",
            "ControlPath": self.directory / "ssh",
            "ControlPersist": "120",
        }
        return ["-F", "/dev/null", *(word for key, value in pairs.items() for word in ("-o", f"{key}={value}"))]

    def command(self, *words: str) -> list[str]:
        return ["ssh", *self.options(), "-p", str(self.port), f"{USER}@{_HERE}", *words]

    def run(self, command: str, *, stdin: str = "", seconds: float = 120.0) -> subprocess.CompletedProcess[str]:
        """Exit status 255: no connection, or it was lost. Raises subprocess.TimeoutExpired."""
        return subprocess.run(
            self.command(command),
            input=stdin,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            timeout=seconds,
        )

    def copy(self, sources: Sequence[Path], target: str, seconds: float = 600.0) -> subprocess.CompletedProcess[str]:
        argv = ["scp", "-q", "-r", *self.options(), "-P", str(self.port), "--", *map(str, sources)]
        return subprocess.run(
            [*argv, f"{USER}@{_HERE}:{target}"], capture_output=True, text=True, check=False, timeout=seconds
        )

    def hang_up(self) -> None:
        """The shared connection, if there is one; that of a board whose power went would hold every command."""
        if (self.directory / "ssh").exists():
            argv = ["ssh", *self.options(), "-O", "exit", "-p", str(self.port), f"{USER}@{_HERE}"]
            subprocess.run(argv, capture_output=True, check=False, timeout=30)
            (self.directory / "ssh").unlink(missing_ok=True)

    def client_configuration(self) -> str:
        """An entry of ssh_config, for other clients than this."""
        return f"""\
Host {self.name}
  HostName 127.0.0.1
  Port {self.port}
  User {USER}
  IdentityFile {self.key}
  IdentitiesOnly yes
  HostKeyAlias {self.name}
  UserKnownHostsFile {self.known_hosts}
  GlobalKnownHostsFile /dev/null
  StrictHostKeyChecking yes
  LogLevel ERROR
"""
