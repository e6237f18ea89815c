"""What holds for a host, as `ssh` itself understands its configuration: `ssh -G` knows every directive."""

from __future__ import annotations

import asyncio
import getpass
import os
import pwd
import re
import shutil
import socket
import stat
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec

from jetson_deploy.errors import PreflightError
from jetson_deploy.fleet.connect_options import ConnectOptions
from jetson_deploy.fleet.device import Device
from jetson_deploy.fleet.failure import DeviceError

AT_ONCE = 4


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """What `ssh` would be given."""

    host: str
    """A name, or a URI ssh://user@host:port, as the parts of ProxyJump are."""
    user: str | None = None
    port: int | None = None
    identity_file: str | None = None


class HostSettings(msgspec.Struct, frozen=True, kw_only=True):
    hostname: str
    user: str
    port: int
    identity_files: tuple[str, ...]
    certificate_files: tuple[str, ...]
    user_known_hosts: tuple[str, ...]
    global_known_hosts: tuple[str, ...]
    proxy_jump: str | None
    proxy_command: str | None
    host_key_alias: str | None
    agent: str | None
    """Its socket; None: none."""
    identities_only: bool
    hash_known_hosts: bool
    revoked_host_keys: str | None

    @property
    def known_as(self) -> str:
        """The name that host keys and host certificates are looked up by."""
        return self.host_key_alias or self.hostname

    @property
    def known_port(self) -> int | None:
        """As ssh: an alias has no port."""
        return None if self.host_key_alias or self.port == 22 else self.port

    @property
    def proxy_argv(self) -> tuple[str, ...] | None:
        return ("/bin/sh", "-c", f"exec {self.proxy_command}") if self.proxy_command is not None else None


def target_of(device: Device) -> Target:
    """Raises DeviceError `key-file`: ssh itself goes on without a key that is named but is not there."""
    host = device.address or device.name
    if device.identity_file is not None and (problem := no_file(path(device.identity_file, {}))):
        raise DeviceError(
            f"the key file {device.identity_file} {problem}",
            hint="name another one in the inventory",
            code="key-file",
        )
    return Target(host=host, user=device.user, port=device.port, identity_file=device.identity_file)


def no_file(name: str) -> str:
    """Why it is none that can be looked at; empty: it is one. pathlib itself raises where a folder above is closed."""
    try:
        return "" if stat.S_ISREG(Path(name).stat().st_mode) else "is no file"
    except FileNotFoundError:
        return "is not there"
    except OSError as error:
        return f"cannot be read: {error.strerror}"


class SettingsReader:
    def __init__(self, options: ConnectOptions) -> None:
        self._options = options
        self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="ssh-G")
        self._asked: dict[Target, HostSettings] = {}

    async def read(self, target: Target) -> HostSettings:
        """Each is asked for once. Raises DeviceError `ssh-config` with ssh's own words, which name file and line."""
        if target not in self._asked:
            loop = asyncio.get_running_loop()
            self._asked[target] = await loop.run_in_executor(self._pool, self._read, target)
        return self._asked[target]

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _read(self, target: Target) -> HostSettings:
        return parsed(self._ask(argv(target, self._options.ssh_config)), target.host)

    def _ask(self, command: list[str]) -> str:
        try:
            done = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=self._options.bounds.settings,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise DeviceError(
                f"`ssh -G` gave no answer within {self._options.bounds.settings:.0f} s",
                hint="look at the `Match exec` lines of the SSH configuration",
                code="ssh-config",
            ) from None
        if done.returncode != 0:
            raise not_read(done.stderr.decode("utf-8", "replace"))
        return done.stdout.decode("utf-8", "replace")


def ssh_program() -> str:
    """Raises PreflightError."""
    program = shutil.which("ssh")
    if program is None:
        raise PreflightError(
            "`ssh` is not on PATH: it says what the SSH configuration means for a host",
            hint="install the OpenSSH client (Debian, Ubuntu: openssh-client)",
            code="no-ssh",
        )
    return program


def argv(target: Target, config: Path | None) -> list[str]:
    given = [ssh_program(), "-T", "-G"]
    given += ["-F", str(config)] if config else []
    given += ["-l", target.user] if target.user else []
    given += ["-p", str(target.port)] if target.port else []
    given += ["-i", target.identity_file] if target.identity_file else []
    return [*given, "--", target.host]


def not_read(stderr: str) -> DeviceError:
    lines = [line for line in stderr.splitlines() if line.strip()]
    cause = next((line for line in lines if "line " in line), lines[-1] if lines else "no reason was given")
    return DeviceError(
        f"ssh cannot use its configuration: {cause.strip()}",
        hint="correct that line, or name another file with --ssh-config",
        code="ssh-config",
        details=tuple(lines[:8]),
    )


def parsed(answer: str, named: str) -> HostSettings:
    said: dict[str, list[str]] = {}
    for line in answer.splitlines():
        key, _, value = line.partition(" ")
        said.setdefault(key.lower(), []).append(value.strip())
    hostname, user, port = first(said, "hostname") or named, first(said, "user") or getpass.getuser(), said.get("port")
    tokens = {"h": hostname, "n": named, "p": port[0] if port else "22", "r": user}
    return HostSettings(
        hostname=hostname,
        user=user,
        port=int(tokens["p"]),
        identity_files=paths(said, "identityfile", tokens),
        certificate_files=paths(said, "certificatefile", tokens),
        user_known_hosts=files(said, "userknownhostsfile", tokens),
        global_known_hosts=files(said, "globalknownhostsfile", tokens),
        proxy_jump=unless_none(first(said, "proxyjump")),
        proxy_command=proxy(first(said, "proxycommand"), tokens),
        host_key_alias=unless_none(first(said, "hostkeyalias")),
        agent=agent_socket(first(said, "identityagent"), tokens),
        identities_only=first(said, "identitiesonly") == "yes",
        hash_known_hosts=first(said, "hashknownhosts") == "yes",
        revoked_host_keys=unless_none(first(said, "revokedhostkeys")),
    )


def first(said: dict[str, list[str]], key: str) -> str | None:
    return next(iter(said.get(key, ())), None)


def unless_none(value: str | None) -> str | None:
    return None if value is None or value.lower() == "none" else value


def paths(said: dict[str, list[str]], key: str, tokens: dict[str, str]) -> tuple[str, ...]:
    return tuple(path(value, tokens) for value in said.get(key, ()) if value.lower() != "none")


def files(said: dict[str, list[str]], key: str, tokens: dict[str, str]) -> tuple[str, ...]:
    return tuple(path(name, tokens) for name in (first(said, key) or "").split() if name not in ("none", "/dev/null"))


def proxy(command: str | None, tokens: dict[str, str]) -> str | None:
    command = unless_none(command)
    return None if command is None else filled(command, tokens)


def agent_socket(said: str | None, tokens: dict[str, str]) -> str | None:
    if said is None or said == "SSH_AUTH_SOCK":
        return os.environ.get("SSH_AUTH_SOCK") or None
    if said.lower() == "none":
        return None
    return os.environ.get(said[1:]) if said.startswith("$") and "{" not in said else path(said, tokens)


def path(value: str, tokens: dict[str, str]) -> str:
    name = os.path.expandvars(filled(value.strip('"'), tokens))
    return f"{home()}{name[1:]}" if name == "~" or name.startswith("~/") else str(Path(name).expanduser())


def home() -> str:
    """As ssh has it, which does not look at HOME."""
    return pwd.getpwuid(os.getuid()).pw_dir


def filled(value: str, tokens: dict[str, str]) -> str:
    """The tokens of ssh_config(5) that need no hash of the connection."""
    here = {
        "%": "%",
        "d": home(),
        "i": str(os.getuid()),
        "l": socket.gethostname(),
        "L": socket.gethostname().split(".", 1)[0],
        "u": getpass.getuser(),
    }
    known = {**here, **tokens, "k": tokens.get("h", "%k")}
    return re.sub(r"%(.)", lambda found: known.get(found[1], found[0]), value)
