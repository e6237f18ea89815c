"""What a device gets from its groups and of its own; and the groups of an inventory."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from jetson_deploy.fleet.device import Inventory

ALL, UNGROUPED = "all", "ungrouped"
"""Groups that every inventory has, as in Ansible."""


def with_groups(inventory: Inventory) -> Inventory:
    """With `all` and `ungrouped`, and in every device the groups that it is in."""
    named = {group: names for group, names in inventory.groups.items() if group not in (ALL, UNGROUPED)}
    within: dict[str, list[str]] = {device.name: [] for device in inventory.devices}
    for group, names in named.items():
        for name in names:
            within[name].append(group)
    devices = tuple(msgspec.structs.replace(one, groups=tuple(sorted(within[one.name]))) for one in inventory.devices)
    alone = tuple(device.name for device in devices if not device.groups)
    groups = {ALL: tuple(within), UNGROUPED: alone, **named}
    return msgspec.structs.replace(inventory, devices=devices, groups=groups)


def laid_over(parts: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Later ones win. A section (`gates`, `watch`) is merged key by key, everything else is replaced."""
    result: dict[str, Any] = {}
    for part in parts:
        for key, value in part.items():
            below = result.get(key)
            both = isinstance(below, dict) and isinstance(value, dict)
            result[key] = {**below, **value} if both and below is not None else value
    return result
