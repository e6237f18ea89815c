"""Private keys and their certificates, each file read once for all devices."""

from __future__ import annotations

from pathlib import Path

import asyncssh
import msgspec

from jetson_deploy.fleet.failure import DeviceError
from jetson_deploy.fleet.secret import Secret
from jetson_deploy.fleet.transport.host_settings import HostSettings, no_file

MARK = b"PRIVATE KEY-----"


class LoadedKey(msgspec.Struct, frozen=True):
    key: asyncssh.SSHKey | None
    """None: it cannot be used without its passphrase, or is a public key whose private one the agent has."""
    public: bytes | None
    """To find it in the agent."""
    left_out: str = ""
    """Why there is no key, for a refused login."""


class LoginKeys(msgspec.Struct, frozen=True, kw_only=True):
    keys: list[asyncssh.SSHKey]
    certificates: list[asyncssh.SSHCertificate]
    identities: list[bytes] | None
    """Those of the agent that may be offered; None: all."""
    left_out: tuple[str, ...]


class ClientKeys:
    def __init__(self, passphrase: Secret | None) -> None:
        self._passphrase = passphrase
        self._keys: dict[str, LoadedKey] = {}
        self._certificates: dict[str, asyncssh.SSHCertificate | None] = {}

    def of(self, settings: HostSettings) -> LoginKeys:
        """Files that are not there are left out, as ssh does. Raises DeviceError `key-file`, `key-passphrase`."""
        loaded = [self._key(name) for name in settings.identity_files]
        beside = [file for name in settings.identity_files if not no_file(file := f"{name}-cert.pub")]
        certificates = [self._certificate(name) for name in (*settings.certificate_files, *beside)]
        only = settings.identities_only
        return LoginKeys(
            keys=[one.key for one in loaded if one.key is not None],
            certificates=[one for one in certificates if one is not None],
            identities=[one.public for one in loaded if one.public is not None] if only else None,
            left_out=tuple(one.left_out for one in loaded if one.left_out),
        )

    def _key(self, name: str) -> LoadedKey:
        if name not in self._keys:
            self._keys[name] = self._read(name)
        return self._keys[name]

    def _read(self, name: str) -> LoadedKey:
        if problem := no_file(name):
            return LoadedKey(None, None, f"{name} {problem}" if problem.startswith("cannot") else "")
        try:
            data = Path(name).read_bytes()
        except OSError as error:
            return LoadedKey(None, None, f"{name} cannot be read: {error.strerror}")
        public = public_part(name)
        if MARK not in data:
            return LoadedKey(None, public, "" if public else f"{name} is no key")
        try:
            key = asyncssh.import_private_key(data)
        except asyncssh.KeyImportError as error:
            if not str(error).startswith("Passphrase"):
                raise unusable(name, str(error)) from None
            return self._unlocked(name, data, public)
        except (ValueError, asyncssh.KeyEncryptionError) as error:
            raise unusable(name, str(error)) from None
        return LoadedKey(key, key.public_data)

    def _unlocked(self, name: str, data: bytes, public: bytes | None) -> LoadedKey:
        if self._passphrase is None:
            return LoadedKey(None, public, f"{name} wants a passphrase: --key-passphrase-file, or ssh-add")
        try:
            key = asyncssh.import_private_key(data, self._passphrase.reveal())
        except asyncssh.KeyEncryptionError as error:
            if "bcrypt" in str(error):
                raise unusable(name, "the Python package bcrypt is missing") from None
            raise wrong_passphrase(name) from None
        except ValueError:
            raise wrong_passphrase(name) from None
        return LoadedKey(key, key.public_data)

    def _certificate(self, name: str) -> asyncssh.SSHCertificate | None:
        if name not in self._certificates:
            try:
                self._certificates[name] = asyncssh.read_certificate(name)
            except FileNotFoundError:
                self._certificates[name] = None
            except (OSError, ValueError) as error:
                raise unusable(name, str(error)) from None
        return self._certificates[name]


def public_part(name: str) -> bytes | None:
    for file in (f"{name}.pub", name):
        try:
            return asyncssh.read_public_key(file).public_data
        except (OSError, ValueError):
            continue
    return None


def unusable(name: str, cause: str) -> DeviceError:
    return DeviceError(
        f"the key file {name} cannot be used: {cause}",
        hint=f"ssh-keygen -l -f {name} says whether it is whole",
        code="key-file",
    )


def wrong_passphrase(name: str) -> DeviceError:
    return DeviceError(
        f"the passphrase given does not open {name}",
        hint="give another one, or add the key to ssh-agent",
        code="key-passphrase",
    )
