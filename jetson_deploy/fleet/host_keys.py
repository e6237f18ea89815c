"""First contact with a device: its host keys, and whether they are known. `transport/` answers."""

from __future__ import annotations

from typing import Literal, Protocol, TypeAlias

import msgspec

from jetson_deploy.fleet.connection import Transport
from jetson_deploy.fleet.device import Device

Standing: TypeAlias = Literal["known", "new", "changed", "revoked"]


class OfferedKey(msgspec.Struct, frozen=True, kw_only=True):
    kind: str
    """ssh-ed25519 …"""
    fingerprint: str
    """SHA256:…, as `ssh-keygen -l` shows it."""
    line: str
    """Of known_hosts, not hashed."""


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    device: Device
    known_as: str
    """The name in known_hosts: host, or [host]:port."""
    standing: Standing
    where: str
    """`FILE, line N` of what is known already; else the file that new keys are written to."""
    hashed: bool
    """HashKnownHosts."""
    keys: tuple[OfferedKey, ...]


class HostKeys(Transport, Protocol):
    async def offered(self, device: Device) -> Offer:
        """Every key that it has. Raises DeviceError where it cannot be reached."""

    async def trust(self, offer: Offer) -> None:
        """Its keys, to the end of the user's known_hosts. For `new` ones alone: nothing is ever replaced."""
