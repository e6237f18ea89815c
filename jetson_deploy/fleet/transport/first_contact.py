"""A device's host keys: asked for without a login, compared with what is known, and kept."""

from __future__ import annotations

import asyncio
import subprocess
import tempfile
from pathlib import Path

import asyncssh

from jetson_deploy.fleet.connect_options import Bounds
from jetson_deploy.fleet.device import Device
from jetson_deploy.fleet.failure import DeviceError
from jetson_deploy.fleet.host_keys import Offer, OfferedKey, Standing
from jetson_deploy.fleet.transport import known_hosts
from jetson_deploy.fleet.transport.client_keys import LoginKeys
from jetson_deploy.fleet.transport.host_settings import HostSettings
from jetson_deploy.fleet.transport.proxy_commands import Tunnel, command_said
from jetson_deploy.fleet.transport.refusals import FAILURES, not_logged_in

KINDS = (
    ("ssh-ed25519",),
    ("ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521"),
    ("rsa-sha2-512", "rsa-sha2-256"),
)
"""One connection for each: a server shows one key at a time."""
TRIES, PAUSE = 3, 0.3
"""A sshd with too many logins at once closes as one that has no key of a kind does."""
NO_KEYS = LoginKeys(keys=[], certificates=[], identities=None, left_out=())


async def keys_of(settings: HostSettings, address: str, tunnel: Tunnel | None, bounds: Bounds) -> list[asyncssh.SSHKey]:
    """Raises DeviceError."""
    found: list[asyncssh.SSHKey | None] = []
    closed: Exception | None = None
    for kinds in KINDS:
        for attempt in range(TRIES):
            await asyncio.sleep(attempt * PAUSE)
            try:
                found.append(await asyncio.wait_for(key_of(kinds, settings, address, tunnel), bounds.login))
                break
            except asyncssh.KeyExchangeFailed as error:
                closed = error
                break
            except (asyncssh.ConnectionLost, ConnectionResetError) as error:
                closed = error
            except FAILURES as error:
                raise not_logged_in(error, settings, NO_KEYS, None, bounds.login, said=command_said(tunnel)) from None
    if closed is not None and not any(found):
        raise not_logged_in(closed, settings, NO_KEYS, None, bounds.login, said=command_said(tunnel))
    return [key for key in found if key is not None]


async def key_of(
    kinds: tuple[str, ...], settings: HostSettings, address: str, tunnel: Tunnel | None
) -> asyncssh.SSHKey | None:
    return await asyncssh.get_server_host_key(
        address,
        settings.port,
        tunnel=tunnel or (),
        proxy_command=None,
        config=None,
        server_host_key_algs=list(kinds),
    )


def offer_of(
    device: Device, settings: HostSettings, trusted: known_hosts.Trusted, keys: list[asyncssh.SSHKey]
) -> Offer:
    name = known_hosts.name_in_file(settings)
    return Offer(
        device=device,
        known_as=name,
        standing=standing_of(trusted, keys),
        where=known_hosts.where(settings) or str(file_of(settings)),
        hashed=settings.hash_known_hosts,
        keys=tuple(offered(name, key) for key in keys),
    )


def offered(name: str, key: asyncssh.SSHKey) -> OfferedKey:
    kind, data = key.export_public_key("openssh").decode("ascii").split()[:2]
    return OfferedKey(kind=kind, fingerprint=key.get_fingerprint("sha256"), line=f"{name} {kind} {data}")


def standing_of(trusted: known_hosts.Trusted, keys: list[asyncssh.SSHKey]) -> Standing:
    """One that is known proves the others no more than ssh thinks; a kind that has another key is a change."""
    known, revoked = list(trusted[0]), list(trusted[2])
    if any(key in revoked for key in keys):
        return "revoked"
    if not known:
        return "new"
    kinds = {key.get_algorithm() for key in known}
    if any(key not in known and key.get_algorithm() in kinds for key in keys):
        return "changed"
    return "known" if any(key in known for key in keys) else "changed"


def file_of(settings: HostSettings) -> Path:
    if not settings.user_known_hosts:
        raise DeviceError(
            "the SSH configuration names no UserKnownHostsFile to write to",
            hint="write the key into /etc/ssh/ssh_known_hosts by hand, or name such a file",
            code="ssh-config",
        )
    return Path(settings.user_known_hosts[0])


def append(file: Path, lines: list[str], *, hashed: bool) -> None:
    """Raises DeviceError where it cannot be written."""
    text = "".join(f"{line}\n" for line in lines)
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        text = hashed_by_keygen(text) if hashed else text
        file.touch(mode=0o600)
        with file.open("rb+") as opened:
            end = opened.seek(0, 2)
            opened.seek(max(0, end - 1))
            gap = b"" if opened.read(1) in (b"", b"\n") else b"\n"
            opened.write(gap + text.encode())
    except OSError as error:
        raise DeviceError(
            f"{file} cannot be written: {error.strerror}", hint=f"make {file} writable", code="known-hosts"
        ) from None


def hashed_by_keygen(text: str) -> str:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "known_hosts"
        file.write_text(text, encoding="ascii")
        subprocess.run(["ssh-keygen", "-H", "-f", str(file)], capture_output=True, check=False)
        return file.read_text(encoding="ascii")
