"""Which host keys are trusted, by the files that ssh itself reads. Found again, and removed, by ssh-keygen."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import asyncssh

from jetson_deploy.fleet.failure import DeviceError
from jetson_deploy.fleet.transport.host_settings import HostSettings, no_file

Trusted: TypeAlias = Sequence[Sequence[Any]]
"""As asyncssh has it: host keys, keys of authorities, revoked keys, and four of X.509."""


class KnownHosts:
    """Files are read once."""

    def __init__(self) -> None:
        self._read: dict[tuple[str, ...], asyncssh.SSHKnownHosts] = {}

    def of(self, settings: HostSettings) -> Trusted:
        """By name alone, as ssh: an address that was another device's proves nothing."""
        if settings.revoked_host_keys is not None:
            raise DeviceError(
                "the SSH configuration sets RevokedHostKeys, which is not supported here",
                hint="write these keys into known_hosts as @revoked",
                code="ssh-config",
            )
        files = (*settings.user_known_hosts, *settings.global_known_hosts)
        if files not in self._read:
            self._read[files] = read(files)
        return self._read[files].match(settings.known_as, "", settings.known_port)

    def forget(self) -> None:
        self._read.clear()


def read(files: Sequence[str]) -> asyncssh.SSHKnownHosts:
    known = asyncssh.SSHKnownHosts()
    for name in files:
        try:
            text = Path(name).read_text(encoding="utf-8", errors="replace")
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            raise DeviceError(
                f"{name} cannot be read: {error.strerror}", hint=f"make it readable: {name}", code="known-hosts"
            ) from None
        load(known, name, text)
    return known


def load(known: asyncssh.SSHKnownHosts, name: str, text: str) -> None:
    try:
        known.load(text)
    except ValueError as error:
        raise DeviceError(
            f"{name}, line {bad_line(text)}: {error}", hint="correct or remove that line", code="known-hosts"
        ) from None


def bad_line(text: str) -> int:
    lines = text.splitlines()
    for number, line in enumerate(lines, 1):
        try:
            asyncssh.SSHKnownHosts().load(line)
        except ValueError:
            return number
    return len(lines)


def checker(trusted: Trusted) -> Callable[[str, str, int | None], Trusted]:
    return lambda _host, _address, _port: trusted


def name_in_file(settings: HostSettings) -> str:
    return f"[{settings.known_as}]:{settings.known_port}" if settings.known_port else settings.known_as


def where(settings: HostSettings) -> str | None:
    """`FILE, line N` of the first entry for this host."""
    for file in (*settings.user_known_hosts, *settings.global_known_hosts):
        if no_file(file):
            continue
        found = subprocess.run(
            ["ssh-keygen", "-F", name_in_file(settings), "-f", file],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )
        for line in found.stdout.decode("utf-8", "replace").splitlines():
            if line.startswith("# Host ") and " found: line " in line:
                return f"{file}, line {line.rsplit(' found: line ', 1)[1].split()[0]}"
    return None
