"""The units of a board: those of this machine are hidden from it."""

from __future__ import annotations

from pathlib import Path

SYSTEM = Path("/lib/systemd/system")
TAKEN = (
    "dbus.service",
    "dbus.socket",
    "reboot.target",
    "systemd-reboot.service",
    "poweroff.target",
    "systemd-poweroff.service",
    "umount.target",
    "final.target",
    "sockets.target",
    "timers.target",
    "paths.target",
    "slices.target",
    "network.target",
    "network-online.target",
    "time-sync.target",
)
"""As this machine's systemd brings them."""
_TARGETS = ("sysinit.target", "basic.target", "shutdown.target")
_WANTED = ("dbus.socket", "dbus.service", "ssh.service")
SSH = """\
[Unit]
Description=OpenBSD Secure Shell server
After=basic.target

[Service]
ExecStart=/usr/sbin/sshd -D
ExecReload=/bin/kill -HUP $MAINPID
KillMode=process
Restart=on-failure
RestartSec=1
"""


def system_units(wanted: tuple[str, ...], directory: Path = SYSTEM) -> dict[str, str]:
    """Name → text, for the board's /usr/lib/systemd/system. `wanted`: what it starts beside D-Bus and sshd."""
    found = {name: (directory / name).read_text() for name in TAKEN if (directory / name).exists()}
    found |= dict.fromkeys(_TARGETS, "[Unit]\nDefaultDependencies=no\n")
    booted = f"[Unit]\nRequires=basic.target\nAfter=basic.target\nWants={' '.join((*_WANTED, *wanted))}\n"
    return found | {"ssh.service": SSH, "multi-user.target": booted}


def manager(environment: dict[str, str]) -> str:
    """Its system.conf: what every unit there finds in its environment, and a short patience."""
    variables = " ".join(f'"{_escaped(f"{key}={value}")}"' for key, value in environment.items())
    return f"[Manager]\nDefaultEnvironment={variables}\nDefaultTimeoutStopSec=5s\nDefaultTimeoutStartSec=60s\n"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
