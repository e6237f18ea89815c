"""The user who runs this command, and the address of the SSH client."""

from __future__ import annotations

import os
import pwd
from collections.abc import Iterator, Mapping
from pathlib import Path

from jetson_deploy import __version__
from jetson_deploy.deployment.revisions import Actor

_MOST_PARENTS = 16
_MOST_BYTES = 2**18
"""Of an environment that is searched."""


def actor(command: str, environ: Mapping[str, str] | None = None, *, proc: Path = Path("/proc")) -> Actor:
    """`environ`: default, this process'. With sudo the user is the one who called it, not root."""
    env = os.environ if environ is None else environ
    user = env.get("SUDO_USER", "") if os.geteuid() == 0 else ""
    return Actor(
        user=_printable(user) or _login_name(), source=_source(env, proc), command=command, version=__version__
    )


def _login_name() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return f"uid {os.geteuid()}"


def _source(env: Mapping[str, str], proc: Path) -> str | None:
    """Address of the SSH client; None: not over SSH, or unknown."""
    for name in ("SSH_CONNECTION", "SSH_CLIENT"):
        if address := _address(env.get(name, "")):
            return address
    # sudo drops these variables (env_reset); the shell that called it still has them.
    return next(filter(None, map(_address, _of_parents(proc))), None) if "SUDO_USER" in env else None


def _of_parents(proc: Path) -> Iterator[str]:
    pid = os.getppid()
    for _ in range(_MOST_PARENTS):
        try:
            with (proc / str(pid) / "environ").open("rb") as file:
                variables = file.read(_MOST_BYTES).split(b"\0")
            pid = int((proc / str(pid) / "stat").read_text(errors="replace").rpartition(")")[2].split()[1])
        except (OSError, ValueError, IndexError):
            return
        yield from (v[15:].decode(errors="replace") for v in variables if v.startswith(b"SSH_CONNECTION="))
        if pid <= 1:
            return


def _address(text: str) -> str | None:
    """The first word of SSH_CONNECTION, when it is an address: any user may set the variable to anything."""
    import ipaddress

    try:
        return str(ipaddress.ip_address(text.split(" ", 1)[0]))
    except ValueError:
        return None


def _printable(text: str) -> str:
    return text if text.isprintable() and len(text) <= 64 else ""
