"""Clients' keys: long, random, shown once.

What is kept is a plain SHA-256 of each: 256 random bits cannot be guessed, and a hash for passwords would cost each
request milliseconds of a core.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta, timezone

import msgspec

from jetson_deploy.errors import UsageError
from jetson_deploy.names import shown

_PREFIX = "jd_"
"""Scanners of leaked secrets find a key by it. `expose/haproxy_config.py` reads keys of this form."""
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,39}")
_FOR = re.compile(r"([1-9][0-9]{0,4})([hd])")
NEVER = 253402300799
"""The last second of the year 9999, for HAProxy, which knows no other never."""
PROOF = "proof"
"""Name of the key that `expose` itself asks with."""


class Key(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    sha256: str
    """In capitals, as HAProxy's `hex` writes it."""
    created: str
    expires: int | None
    """Unix time; None: never."""

    def has_expired(self, now: datetime) -> bool:
        return self.expires is not None and self.expires <= now.timestamp()


class KeyBook(msgspec.Struct, frozen=True, kw_only=True, tag_field="schema", tag="jetson-deploy.keys/1"):
    keys: tuple[Key, ...] = ()

    def key(self, name: str) -> Key | None:
        return next((key for key in self.keys if key.name == name), None)


class NewKey:
    """A key and its secret. It prints as ***, wherever it goes: `reveal` alone tells it."""

    def __init__(self, name: str, expires: int | None, now: datetime) -> None:
        self._secret = _PREFIX + secrets.token_urlsafe(32)
        digest = hashlib.sha256(self._secret.encode()).hexdigest().upper()
        self.key = Key(name=name, sha256=digest, created=now.isoformat(timespec="seconds"), expires=expires)

    def reveal(self) -> str:
        return self._secret

    def __repr__(self) -> str:
        return "***"


def map_text(keys: Iterable[Key]) -> bytes:
    """HAProxy's map: hash → when it ends, and whose it is."""
    return "".join(f"{key.sha256} {entry(key)}\n" for key in keys).encode()


def entry(key: Key) -> str:
    return f"{NEVER if key.expires is None else key.expires}:{key.name}"


def check_key_name(text: str) -> str:
    """The name, unchanged. Raises UsageError `bad-key-name`."""
    if not _NAME.fullmatch(text) or text == PROOF:
        raise UsageError(
            f"{shown(text)} is not a key's name",
            hint=f"use up to 40 of a-z, 0-9 and . _ -, other than {PROOF}, e.g. laptop or kitchen-2",
            code="bad-key-name",
        )
    return text


def expiry(text: str, now: datetime) -> int | None:
    """`90d`, `12h` or `never`, from now on. Raises UsageError `bad-expiry`."""
    if text == "never":
        return None
    found = _FOR.fullmatch(text)
    if not found:
        raise UsageError(
            f"{shown(text)} is not a key's lifetime", hint="give it as 90d, 12h or never", code="bad-expiry"
        )
    hours = int(found[1]) * (24 if found[2] == "d" else 1)
    return int((now + timedelta(hours=hours)).timestamp())


def utc_now() -> datetime:
    return datetime.now(timezone.utc)
