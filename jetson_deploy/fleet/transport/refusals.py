"""asyncssh's exceptions, and the system's, in our words."""

from __future__ import annotations

import asyncio
import errno

import asyncssh

from jetson_deploy.fleet.failure import ConnectionLostError, DeviceError
from jetson_deploy.fleet.transport import known_hosts
from jetson_deploy.fleet.transport.client_keys import LoginKeys
from jetson_deploy.fleet.transport.host_settings import HostSettings

FAILURES = (asyncssh.Error, OSError, asyncio.TimeoutError, ValueError)
"""What asyncssh raises while it logs in."""

AGAIN = "try `ssh {host}`, which says more with -v"


def not_logged_in(
    error: BaseException,
    settings: HostSettings,
    keys: LoginKeys,
    offered: asyncssh.SSHKey | None,
    seconds: float,
    *,
    said: str = "",
) -> DeviceError:
    """`said`: by the ProxyCommand, where there is one."""
    host = settings.hostname
    if isinstance(error, asyncssh.HostKeyNotVerifiable):
        return host_key(error, settings, offered)
    if isinstance(error, asyncssh.PermissionDenied):
        return refused(settings, keys)
    if isinstance(error, asyncssh.KeyExchangeFailed):
        return no_common_algorithm(error, settings)
    if isinstance(error, asyncio.TimeoutError) or "timeout" in str(error).lower():
        return DeviceError(
            f"no login within {seconds:g} s: {host} port {settings.port} is silent",
            hint="look whether the device is on, and the way to it",
            code="unreachable",
        )
    if isinstance(error, asyncssh.ConnectionLost | ConnectionError) and not isinstance(error, ConnectionRefusedError):
        if settings.proxy_command is not None:
            return way_ended(host, said)
        return DeviceError(
            f"sshd of {host} closed the connection before the login, each time",
            hint="look at MaxStartups and the log of its sshd",
            code="unreachable",
        )
    if isinstance(error, asyncssh.ChannelOpenError):
        return DeviceError(
            f"the jump host does not reach {host} port {settings.port}: {error.reason}",
            hint="look whether the device is on, and at AllowTcpForwarding of the jump host",
            code="unreachable",
        )
    if isinstance(error, OSError):
        return DeviceError(
            f"{host} port {settings.port}: {reason(error)}",
            hint="look whether the device is on, and sshd runs on it",
            code="unreachable",
        )
    if "too many authentication failures" in str(error).lower():
        return DeviceError(
            f"sshd of {host} takes no more keys: the right one was not among the first",
            hint="name it: IdentityFile and `IdentitiesOnly yes` in the SSH configuration",
            code="login-refused",
        )
    return DeviceError(f"the login to {host} failed: {error}", hint=AGAIN.format(host=host), code="login-refused")


def way_ended(host: str, said: str) -> DeviceError:
    return DeviceError(
        f"the ProxyCommand of {host} ended before the login, each time" + (f": {said}" if said else ""),
        hint=AGAIN.format(host=host),
        code="unreachable",
    )


def reason(error: OSError) -> str:
    known = {errno.ECONNREFUSED: "connection refused", errno.EHOSTUNREACH: "no route to it"}
    return known.get(error.errno or 0) or error.strerror or str(error)


def refused(settings: HostSettings, keys: LoginKeys) -> DeviceError:
    tried = [f"{len(keys.keys)} key{'s' if len(keys.keys) != 1 else ''} of files"]
    tried += ["those of the agent"] if settings.agent else []
    return DeviceError(
        f"sshd of {settings.hostname} refuses a login as {settings.user}: tried {' and '.join(tried)}",
        hint=f"ssh-copy-id {settings.user}@{settings.hostname}, or name another user or key"
        + (f" ({keys.left_out[0]})" if keys.left_out else ""),
        code="login-refused",
        details=keys.left_out,
    )


def no_common_algorithm(error: BaseException, settings: HostSettings) -> DeviceError:
    if "host key" in str(error).lower():
        found = known_hosts.where(settings)
        return DeviceError(
            f"{settings.known_as} offers no host key of a kind that is known" + (f" ({found})" if found else ""),
            hint=f"if it was set up anew: ssh-keygen -R '{known_hosts.name_in_file(settings)}'",
            code="host-key-changed",
        )
    return DeviceError(
        f"no algorithm in common with sshd of {settings.hostname}: {error}",
        hint="bring its OpenSSH up to date",
        code="login-refused",
    )


def host_key(
    error: asyncssh.HostKeyNotVerifiable, settings: HostSettings, offered: asyncssh.SSHKey | None
) -> DeviceError:
    cause, name = str(error).lower(), known_hosts.name_in_file(settings)
    shown = f" ({offered.get_algorithm()} {offered.get_fingerprint()})" if offered is not None else ""
    if "revoked" in cause:
        return DeviceError(
            f"the host key of {name} is marked @revoked{shown}",
            hint="set up new host keys on the device: ssh-keygen -A",
            code="host-key-revoked",
        )
    if "certificate" in cause:
        return certificate(str(error), name)
    found = known_hosts.where(settings)
    if found is None:
        return DeviceError(
            f"the host key of {name} is not known{shown}",
            hint="jetson-deploy fleet trust shows its fingerprints, and asks",
            code="host-key-unknown",
        )
    return DeviceError(
        f"{found} has another host key of {name} than it shows{shown}",
        hint=f"only if the device was set up anew: ssh-keygen -R '{name}' -f {found.rsplit(', line', 1)[0]}",
        code="host-key-changed",
    )


def certificate(cause: str, name: str) -> DeviceError:
    return DeviceError(
        f"the host certificate of {name} is not accepted: {cause.split(' for host ')[0]}"
        " (ssh itself would go on by the plain key)",
        hint="renew it on the device: ssh-keygen -s CA -I ID -h -n NAME -V +52w ssh_host_ed25519_key.pub",
        code="host-certificate",
    )


def lost(error: BaseException | None, doing: str) -> ConnectionLostError:
    cause = f": {error}" if error is not None and str(error) else ""
    return ConnectionLostError(
        f"the connection was lost {doing}, and how that ended is unknown{cause}",
        hint="ask the device again once it answers",
        code="connection-lost",
    )
