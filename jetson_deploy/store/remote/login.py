"""Credentials for a registry, from a file in the shape of Docker's config.json; never from argv or a URL.

    {"auths": {"registry.example:5000": {"auth": "<base64 of user:password>"}}}

A registry that answers 401 names the scheme it wants: Basic, or Bearer with the address of a token server
(distribution spec, "token authentication"). Without credentials for it, a token is asked for anonymously, as public
registries expect.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import msgspec

from jetson_deploy.errors import NetworkError, UsageError

_FILE_BYTES = 1 << 20
_SHAPE = '{"auths": {"HOST:PORT": {"auth": "<base64 of user:password>"}}}'
_CHALLENGE = re.compile(r'([a-zA-Z]+)="([^"]*)"')

Ask = Callable[[str, dict[str, str]], bytes]
"""GET a URL with these headers; the body of its 200."""


class _Entry(msgspec.Struct):
    auth: str = ""
    username: str = ""
    password: str = ""


class _File(msgspec.Struct):
    auths: dict[str, _Entry] = {}


class Token(msgspec.Struct):
    token: str = ""
    access_token: str = ""


class Login:
    """What is known for one registry; `basic` is None when nothing is."""

    def __init__(self, address: str, basic: str | None = None) -> None:
        self.address, self._basic = address, basic

    def __repr__(self) -> str:
        return f"Login({self.address!r}, {'known' if self._basic else 'anonymous'})"

    def authorization(self, challenge: str, ask: Ask) -> str:
        """The Authorization header that answers a 401. Raises NetworkError `registry-login`."""
        scheme, _, rest = challenge.partition(" ")
        if scheme.lower() == "basic" and self._basic:
            return f"Basic {self._basic}"
        fields = dict(_CHALLENGE.findall(rest))
        if scheme.lower() != "bearer" or "realm" not in fields:
            raise self.refused()
        realm = fields.pop("realm")
        wanted = urlencode({key: fields[key] for key in ("service", "scope") if key in fields})
        url = f"{realm}{'&' if '?' in realm else '?'}{wanted}"
        body = ask(url, {"Authorization": f"Basic {self._basic}"} if self._basic and self._may_see(realm) else {})
        try:
            answer = msgspec.json.decode(body, type=Token)
        except (msgspec.MsgspecError, ValueError, RecursionError):
            raise self.refused() from None
        if not (answer.token or answer.access_token):
            raise self.refused()
        return f"Bearer {answer.token or answer.access_token}"

    def _may_see(self, realm: str) -> bool:
        """The password goes to the registry's own host, or over TLS to the token server that it names."""
        own, other = urlsplit(self.address), urlsplit(realm)
        return other.scheme == "https" or (own.scheme, own.netloc) == (other.scheme, other.netloc)

    def refused(self) -> NetworkError:
        known = "refuses the credentials" if self._basic else "wants a login"
        return NetworkError(
            f"{self.address} {known} (HTTP 401)",
            hint=f"JETSON_DEPLOY_CREDENTIALS or --credentials names a file with it: {_SHAPE}",
            code="registry-login",
        )


def read_login(path: Path | None, address: str) -> Login:
    """What the file holds for the registry at `address`. Raises UsageError `bad-credentials`; its text is not shown."""
    if path is None:
        return Login(address)
    try:
        with path.open("rb") as file:
            content = msgspec.json.decode(file.read(_FILE_BYTES), type=_File)
    except OSError as error:
        raise _bad(path, f"cannot be read: {error.strerror}") from error
    except (msgspec.MsgspecError, ValueError, RecursionError):
        raise _bad(path, "is not a config.json of Docker's shape") from None
    host = urlsplit(address).netloc
    entry = next((e for name, e in content.auths.items() if _host_of(name) == host), None)
    return Login(address, _basic(path, entry) if entry is not None else None)


def _host_of(name: str) -> str:
    return (urlsplit(name).netloc if "://" in name else name.split("/")[0]).lower()


def _basic(path: Path, entry: _Entry) -> str:
    if entry.username:
        return base64.b64encode(f"{entry.username}:{entry.password}".encode()).decode()
    try:
        good = b":" in base64.b64decode(entry.auth, validate=True)
    except (binascii.Error, ValueError):
        good = False
    if not good:
        raise _bad(path, "has an `auth` that is not the base64 of user:password (credential helpers are not asked)")
    return entry.auth


def _bad(path: Path, why: str) -> UsageError:
    return UsageError(
        f"the credentials file {path} {why}",
        hint=f"{_SHAPE}, readable by you alone (chmod 600)",
        code="bad-credentials",
    )
