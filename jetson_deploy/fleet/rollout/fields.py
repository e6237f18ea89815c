"""A field of a device by its path: what `group_by` and a selector of fields name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jetson_deploy.errors import UsageError
from jetson_deploy.fleet.device import Device

_TREES = ("variables", "settings")


def check_path(path: str, key: str) -> None:
    """Raises UsageError naming the key of fleet.yaml."""
    tree, dot, rest = path.partition(".")
    if path in ("name", "groups") or (tree in _TREES and dot and rest):
        return
    hint = "give name, groups, variables.NAME or settings.NAME"
    raise UsageError(f"{key}: {ascii(path)[:60]} names no field of a device", hint=hint, code="bad-value")


def value_of(device: Device, path: str) -> Any:
    """None: the device has none."""
    tree, _, rest = path.partition(".")
    if tree not in _TREES:
        return device.name if path == "name" else device.groups
    value: Any = getattr(device, tree)
    for name in rest.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def matches(device: Device, wanted: Mapping[str, Any]) -> bool:
    """Every field has the value, or one of the values; `groups` holds one of them."""
    return all(_one_matches(value_of(device, path), values) for path, values in wanted.items())


def _one_matches(value: Any, wanted: Any) -> bool:
    choices = wanted if isinstance(wanted, list | tuple) else [wanted]
    if isinstance(value, tuple):
        return any(one in choices for one in value)
    return value in choices
