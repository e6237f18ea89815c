"""Which inventory was meant, and read it."""

from __future__ import annotations

import os
from pathlib import Path

from jetson_deploy.errors import UsageError
from jetson_deploy.fleet.device import Inventory
from jetson_deploy.fleet.inventory.fleet_file import EXAMPLE, read_fleet_file
from jetson_deploy.fleet.inventory.typed import typed_inventory
from jetson_deploy.names import shown


def read_inventory(named: str | None, hosts: tuple[str, ...] = ()) -> Inventory:
    """`named`: a file, or devices with a comma behind; None: fleet.yaml here, else `hosts` are the devices.

    Raises UsageError.
    """
    if named is not None and "," in named and not os.path.lexists(named):
        return typed_inventory(named.split(","))
    if named is not None:
        return _file(Path(named))
    if os.path.lexists(EXAMPLE):
        return _file(Path(EXAMPLE))
    if hosts:
        return typed_inventory(text for one in hosts for text in one.split(","))
    raise _missing(f"there is no {EXAMPLE} here, and no device is named")


def _file(path: Path) -> Inventory:
    if not os.path.lexists(path):
        raise _missing(f"-i {shown(str(path))}: there is no such file")
    return read_fleet_file(path)


def _missing(problem: str) -> UsageError:
    hint = f"jetson-deploy fleet inventory --example > {EXAMPLE} gives one to start from; devices alone: -i HOST,HOST,"
    return UsageError(problem, hint=hint, code="inventory-missing")
