"""The keys of fleet.yaml. Its commented example, shipped with the tool, says what each means."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

Port = Annotated[int, msgspec.Meta(ge=1, le=65535)]


class Entry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What can be said of a device, and of all devices of a group."""

    user: str | None = None
    port: Port | None = None
    identity_file: str | None = None
    variables: dict[str, Any] = {}
    settings: dict[str, Any] = {}
    environment: dict[str, str] = {}


class HostEntry(Entry, frozen=True, kw_only=True, forbid_unknown_fields=True):
    address: str | None = None


class GroupEntry(Entry, frozen=True, kw_only=True, forbid_unknown_fields=True):
    hosts: tuple[str, ...] = ()
    children: tuple[str, ...] = ()


class FleetFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    hosts: dict[str, HostEntry | None] = {}
    groups: dict[str, GroupEntry | None] = {}
    rollout: dict[str, Any] = {}
    """Read by `rollout/`, which knows its keys."""
