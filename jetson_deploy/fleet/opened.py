"""The transport of this controller's fleet. asyncssh is an extra, so it is imported here and only when it is needed."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from jetson_deploy.errors import PreflightError
from jetson_deploy.fleet.connect_options import Bounds, ConnectOptions
from jetson_deploy.fleet.host_keys import HostKeys
from jetson_deploy.fleet.secret import secret
from jetson_deploy.own_copy import own_copy


def open_transport(
    *,
    ssh_config: Path | None = None,
    sudo_password: str | None = None,
    key_passphrase: str | None = None,
    bounds: Bounds | None = None,
) -> HostKeys:
    """Nothing is connected yet. Raises PreflightError where asyncssh or the OpenSSH client is missing."""
    check_asyncssh()
    from jetson_deploy.fleet.transport.host_settings import ssh_program
    from jetson_deploy.fleet.transport.ssh_transport import SshTransport

    ssh_program()

    return SshTransport(
        ConnectOptions(
            ssh_config=ssh_config,
            sudo_password=secret(sudo_password),
            key_passphrase=secret(key_passphrase),
            bounds=bounds or Bounds(),
        )
    )


def check_asyncssh() -> None:
    try:
        import_module("asyncssh")
    except ImportError:
        raise PreflightError(
            "asyncssh is not installed, and `fleet` reaches devices with it",
            hint=own_copy().adding_fleet(),
            code="no-asyncssh",
        ) from None
