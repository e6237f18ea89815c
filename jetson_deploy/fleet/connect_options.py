"""How devices are reached: what a user may say, and for how long is waited."""

from __future__ import annotations

from pathlib import Path

import msgspec

from jetson_deploy.fleet.secret import Secret


class Bounds(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds, and how many. Tests make them small."""

    login: float = 20.0
    """From the TCP connection to the end of the login."""
    keepalive: float = 5.0
    keepalives: int = 3
    """A device that answers none of so many is given up: after 20 s."""
    name: float = 8.0
    """For one name: longer than the 5 s after which a resolver asks its second server."""
    settings: float = 10.0
    """For `ssh -G`, which may run the commands of `Match exec`."""
    start: float = 30.0
    """Until a command runs there: a login shell's own files, and a sudo that waits 20 s for a dead name server."""
    ending: float = 3.0
    """Until a command that was given up is gone; then the connection is dropped."""
    stall: float = 60.0
    """A file that is sent makes no progress for so long."""
    logins_at_once: int = 8
    """For each address or jump host: sshd drops what is above MaxStartups (10)."""
    turns: int = 64
    """Logins that are young at once, wherever they go: with 200 each would take so long that none ends in time."""
    turn: float = 5.0
    """So long a login is young: a black hole keeps no other waiting for longer."""
    login_tries: int = 8
    sessions_at_once: int = 8
    """For each connection: MaxSessions is 10."""


class ConnectOptions(msgspec.Struct, frozen=True, kw_only=True):
    ssh_config: Path | None = None
    """Instead of ~/.ssh/config, as `ssh -F`."""
    sudo_password: Secret | None = None
    key_passphrase: Secret | None = None
    bounds: Bounds = Bounds()
