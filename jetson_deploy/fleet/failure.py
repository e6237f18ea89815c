"""What goes wrong with one device. The others go on; `cli/fleet` shows it in the device's row."""

from __future__ import annotations

from typing import ClassVar

from jetson_deploy.errors import JetsonDeployError


class DeviceError(JetsonDeployError):
    """Of one device. `code` names the kind: `unreachable`, `login-refused`, `host-key-changed`, `host-key-unknown`,
    `sudo-refused`, `no-python`, `banner` …; `message` starts without the device's name, which the row has.
    """

    exit_code: ClassVar[int] = 9


class ConnectionLostError(DeviceError):
    """The connection ended while something ran there: whether that was done is unknown until the device is asked."""

    exit_code: ClassVar[int] = 9


SUDO_REFUSED = "sudo-refused"
"""The command was not run."""
NOT_REACHED: frozenset[str] = frozenset(
    {
        "unreachable",
        "name-not-resolved",
        "login-refused",
        "host-key-unknown",
        "host-key-changed",
        "host-key-revoked",
        "host-certificate",
        "key-file",
        "key-passphrase",
        "known-hosts",
        "ssh-config",
    }
)
"""Codes of what happens before a login: nothing ran on the device."""
