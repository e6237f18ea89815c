"""Devices on the command line: `-i board1,nvidia@10.0.0.7:2222,`, in Ansible's spelling, or the hosts alone."""

from __future__ import annotations

import re
from collections.abc import Iterable

from jetson_deploy.errors import UsageError
from jetson_deploy.fleet.device import Device, Inventory
from jetson_deploy.fleet.inventory.device_names import check_user_name, expanded
from jetson_deploy.fleet.inventory.merging import with_groups
from jetson_deploy.names import shown

SOURCE = "the command line"
_WITH_PORT = re.compile(r"(?P<host>[^:]+|\[[0-9a-fA-F:]+\]):(?P<port>[0-9]{1,5})")


def typed_inventory(texts: Iterable[str]) -> Inventory:
    """Raises UsageError for names that cannot be, for one that was typed twice, and for none."""
    devices: dict[str, Device] = {}
    for text in texts:
        for device in _devices(text.strip()):
            if device.name in devices:
                hint = "type each device once"
                raise UsageError(f"{shown(device.name)} is typed twice", hint=hint, code="device-twice")
            devices[device.name] = device
    if not devices:
        hint = "name one as [USER@]HOST[:PORT]; behind -i with a comma: -i board1,board2,"
        raise UsageError("no device is typed", hint=hint, code="inventory-empty")
    return with_groups(Inventory(source=SOURCE, devices=tuple(devices.values())))


def _devices(text: str) -> list[Device]:
    if not text:
        return []
    user, at, rest = text.rpartition("@")
    found = _WITH_PORT.fullmatch(rest)
    host, port = (found["host"], int(found["port"])) if found else (rest, None)
    if port is not None and not 1 <= port <= 65535:
        raise UsageError(f"{shown(text)} names no port", hint="HOST:PORT, 1 to 65535", code="bad-port")
    host = host[1:-1] if re.fullmatch(r"\[[0-9a-fA-F:]*:[0-9a-fA-F:]*:[0-9a-fA-F:]*\]", host) else host
    login = check_user_name(user) if at else None
    return [_device(name, login, port) for name in expanded(host)]


def _device(host: str, user: str | None, port: int | None) -> Device:
    """Two boards behind one address are two devices: the port is part of the name."""
    if port is None:
        return Device(name=host, user=user)
    return Device(name=f"{host}:{port}", address=host, user=user, port=port)
