"""Which inventory was meant, and read it."""

from __future__ import annotations

import os
import re
from pathlib import Path

from jetson_deploy.catalog.reader import MAX_BYTES
from jetson_deploy.errors import UsageError
from jetson_deploy.fleet.device import Inventory
from jetson_deploy.fleet.inventory.entries import FleetFile
from jetson_deploy.fleet.inventory.fleet_file import DEFAULT, read_fleet_file
from jetson_deploy.fleet.inventory.typed import typed_inventory
from jetson_deploy.names import shown

_KEY = re.compile(r"^[\"']?([A-Za-z_][\w.-]*)[\"']?[ \t]*:", re.MULTILINE)
_OF_A_GROUP = re.compile(r"^[ \t]+(?:hosts|children|vars)[ \t]*:", re.MULTILINE)


def read_inventory(named: str | None, hosts: tuple[str, ...] = ()) -> Inventory:
    """`named`: a file, or devices with a comma behind; None: fleet.yaml here, else `hosts` are the devices.

    Raises UsageError.
    """
    if named is not None and not named.strip():
        raise _missing("-i names nothing")
    if named is not None and "," in named and not os.path.lexists(named):
        return typed_inventory(named.split(","))
    if named is not None:
        return _file(Path(named))
    if os.path.lexists(DEFAULT):
        return _file(Path(DEFAULT))
    if hosts:
        return typed_inventory(text for one in hosts for text in one.split(","))
    raise _missing(f"there is no {DEFAULT} here, and no device is named")


def _file(path: Path) -> Inventory:
    if not os.path.lexists(path):
        raise _missing(f"-i {shown(str(path))}: there is no such file")
    if _is_of_ansible(path):
        from jetson_deploy.fleet.inventory.ansible import read_ansible

        return read_ansible(path)
    return read_fleet_file(path)


def _is_of_ansible(path: Path) -> bool:
    """By its kind, and of YAML by its keys: the outermost are groups there. What is neither is refused as ours."""
    if path.is_dir():
        return True
    if path.suffix not in (".yaml", ".yml"):
        return path.is_file()
    try:
        with path.open("rb") as file:
            text = file.read(MAX_BYTES).decode(errors="replace") if path.is_file() else ""
    except OSError:
        return False  # our reader says why
    outermost = {found[1] for found in _KEY.finditer(text)}
    if outermost & set(FleetFile.__struct_fields__):
        return False
    return "all" in outermost or (path.name != DEFAULT and _OF_A_GROUP.search(text) is not None)


def _missing(problem: str) -> UsageError:
    hint = f"jetson-deploy fleet inventory --example > {DEFAULT} gives one to start from; devices alone: -i HOST,HOST,"
    return UsageError(problem, hint=hint, code="inventory-missing")
