"""`fleet inventory`: devices and groups, and what is asked of each; no device is asked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import click
import msgspec

from jetson_deploy.cli.finish import finish
from jetson_deploy.cli.fleet.cells import REASON, cell, many
from jetson_deploy.cli.fleet.options import FleetOptions, offline_fleet_options
from jetson_deploy.cli.formatting import aligned
from jetson_deploy.cli.options import example_option
from jetson_deploy.fleet.device import Device

WHOLE = 4096


class InventoryDocument(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="schema", tag="jetson-deploy.fleet-inventory/1"
):
    result: str = "done"
    inventory: str
    """The file, or `the command line`."""
    devices: tuple[Device, ...]
    groups: dict[str, tuple[str, ...]]
    """Group → the selected devices in it."""
    notes: tuple[str, ...]
    """What stands in the inventory and is not used."""


def _example() -> str:
    from jetson_deploy.fleet.inventory.fleet_file import example_text

    return example_text()


@click.command("inventory")
@offline_fleet_options
@example_option(_example, "Print a fleet.yaml to start from.")
def command(*, fleet: FleetOptions) -> int:
    """List devices and groups, with the settings, variables and environment of each. No device is asked.

    Settings are the keys of jetson-deploy.yaml; a device's own come before those of its groups, an inner group's
    before an outer one's.
    """
    from jetson_deploy.cli.fleet.rolling import rules_of

    rules_of(fleet.inventory)  # here as well as when it is used
    chosen = {device.name for device in fleet.devices}
    groups = {group: tuple(n for n in names if n in chosen) for group, names in fleet.inventory.groups.items()}
    document = InventoryDocument(
        inventory=fleet.inventory.source,
        devices=tuple(map(_without_values, fleet.devices)) if fleet.inventory.of_ansible else fleet.devices,
        groups={group: names for group, names in groups.items() if names},
        notes=fleet.inventory.notes,
    )
    text = None if fleet.quiet else lambda: "\n".join(_text(document, verbose=fleet.verbose))
    return finish(fleet, document, text)


def _text(document: InventoryDocument, *, verbose: bool) -> Iterator[str]:
    heads = ("DEVICE", "ADDRESS", "GROUPS", "SETTINGS", *(("VARIABLES", "ENVIRONMENT") if verbose else ()))
    yield from aligned([heads, *(_row(device, verbose) for device in document.devices)])
    yield ""
    named = {group: names for group, names in document.groups.items() if group not in ("all", "ungrouped")}
    if named:
        yield from aligned([("group", group, many(len(names))) for group, names in named.items()])
    yield from (f"note: {note}" for note in document.notes)
    yield f"{many(len(document.devices))} in {document.inventory}"


def _without_values(device: Device) -> Device:
    """Some of an inventory of Ansible may come from a vault."""
    return msgspec.structs.replace(device, variables=dict.fromkeys(device.variables, "(not shown)"))


def _row(device: Device, verbose: bool) -> tuple[str, ...]:
    user = f"{device.user}@" if device.user else ""
    port = f":{device.port}" if device.port and not device.name.endswith(f":{device.port}") else ""
    kinds = (_flat(device.settings), *((device.variables, device.environment) if verbose else ()))
    texts = [", ".join(f"{key}={value}" for key, value in kind.items()) for kind in kinds]
    whole = (device.name, f"{user}{device.address or device.name}{port}", ", ".join(device.groups), *texts)
    return tuple(cell(text, WHOLE if verbose else REASON) for text in whole)


def _flat(settings: Mapping[str, Any], section: str = "") -> dict[str, Any]:
    """`gates.min_gpu_share` and so on."""
    flat: dict[str, Any] = {}
    for key, value in settings.items():
        flat |= _flat(value, f"{section}{key}.") if isinstance(value, dict) else {f"{section}{key}": value}
    return flat
