"""A device, and the inventory that it stands in."""

from __future__ import annotations

from typing import Any

import msgspec


class Device(msgspec.Struct, frozen=True, kw_only=True):
    """One board that is reached over SSH. What is None is left to `ssh -G` (~/.ssh/config)."""

    name: str
    """As the inventory says it; unique; what `ssh NAME` would be given where there is no address."""
    address: str | None = None
    user: str | None = None
    port: int | None = None
    identity_file: str | None = None
    groups: tuple[str, ...] = ()
    """Every group that it is in, of groups within groups too, sorted."""
    variables: dict[str, Any] = {}
    """Of group and device together; the device's own win. Selected and grouped by (`group_by: variables.rack`)."""
    settings: dict[str, Any] = {}
    """Keys of jetson-deploy.yaml, of group and device together: what `up` is asked for there."""
    environment: dict[str, str] = {}
    """JETSON_DEPLOY_* and DOCKER_HOST for the tool on the device: a site's registry, for example."""


class Inventory(msgspec.Struct, frozen=True, kw_only=True):
    source: str
    """For messages: the file, or `the command line`."""
    devices: tuple[Device, ...]
    """In the order of the inventory."""
    groups: dict[str, tuple[str, ...]] = {}
    """Group → names of its devices, of groups within it too; `all` has every one."""
    rollout: dict[str, Any] = {}
    """The section of this name, as it is written; read by `rollout/`."""
    notes: tuple[str, ...] = ()
    """What stands there and is not used, a line each."""
    of_ansible: bool = False
    """Then values of variables are not shown: some may come from a vault."""

    def device(self, name: str) -> Device | None:
        return next((device for device in self.devices if device.name == name), None)
