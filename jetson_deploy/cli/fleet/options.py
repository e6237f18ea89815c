"""Options of every verb of the fleet: which devices, how they are reached, in which form the answer is wanted."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
import msgspec

from jetson_deploy.cli import candidates
from jetson_deploy.cli.options import CATALOG, FORMS
from jetson_deploy.fleet.device import Device, Inventory
from jetson_deploy.settings import Settings

if TYPE_CHECKING:
    from jetson_deploy.catalog.catalog import Catalog

Result = TypeVar("Result")
Command = TypeVar("Command", bound=Callable[..., Any])


class FleetOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What every verb of the fleet is given, read and checked."""

    inventory: Inventory
    devices: tuple[Device, ...]
    """The selected ones."""
    as_json: bool
    as_events: bool
    quiet: bool
    verbose: bool
    settings: Settings
    ssh_config: Path | None = None
    ask_sudo_password: bool = False
    sudo_password_file: Path | None = None
    key_passphrase_file: Path | None = None

    def catalog(self) -> Catalog:
        from jetson_deploy.catalog.load import load_catalog

        return load_catalog(self.settings.catalog_dirs)


def fleet_options(command: Callable[..., Result]) -> Callable[..., Result]:
    """-i, HOST…, --limit, those of the connection, of the form and --catalog; passed on as `fleet`."""
    return _given(command, (*_OF_INVENTORY, _HOSTS, _LIMIT, *_OF_CONNECTION, *_OF_FORM))


def limited_fleet_options(command: Callable[..., Result]) -> Callable[..., Result]:
    """As `fleet_options`, for a verb whose arguments are its own: devices are chosen by --limit alone."""
    return _given(command, (*_OF_INVENTORY, _LIMIT, *_OF_CONNECTION, *_OF_FORM))


def offline_fleet_options(command: Callable[..., Result]) -> Callable[..., Result]:
    """For a verb that asks no device: without the options of a connection."""
    return _given(command, (*_OF_INVENTORY, _HOSTS, _LIMIT, *_OF_FORM))


def rollout_fleet_options(command: Callable[..., Result]) -> Callable[..., Result]:
    """For a verb that goes on with a rollout: its argument is ROLLOUT, and -i is by default what that began with."""
    taken = _given(command, (*_OF_INVENTORY, *_OF_CONNECTION, *_OF_FORM))

    @functools.wraps(taken)
    def called(*, inventory: str | None, rollout: str | None, **given: Any) -> Result:
        return taken(inventory=_began_with(rollout) if inventory is None else inventory, rollout=rollout, **given)

    return click.argument("rollout", required=False, metavar="[ROLLOUT]")(called)


def _began_with(rollout: str | None) -> str:
    from jetson_deploy.fleet.rollout.kept import directory_of
    from jetson_deploy.fleet.rollout.record import read

    return read(directory_of(Settings.from_environment().fleet_dir, rollout)).opened.inventory


def typed_fleet_options(command: Callable[..., Result]) -> Callable[..., Result]:
    """For a verb whose devices are not in the inventory yet: HOST… alone names them."""
    return _given(command, (_HOSTS, *_OF_CONNECTION, *_OF_FORM), read_typed_options)


def _given(
    command: Callable[..., Result],
    options: tuple[Callable[[Any], Any], ...],
    read: Callable[[dict[str, Any]], FleetOptions] | None = None,
) -> Callable[..., Result]:
    @functools.wraps(command)
    def called(**given: Any) -> Result:
        fleet = (read or read_fleet_options)(given)
        return command(fleet=fleet, **given)

    for decorate in reversed(options):
        called = decorate(called)
    return called


def _model(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    """It becomes an argument on every device: what is no name (an option, say) must not get there."""
    if value is not None:
        from jetson_deploy.deployment.option_checks import model_name

        model_name(value)
    return value


MODEL = click.option(
    "--model", metavar="MODEL", callback=_model, help="Model for every device, before what the inventory says."
)
_OF_INVENTORY = (
    click.option(
        "-i",
        "--inventory",
        metavar="FILE",
        help="Inventory: a fleet.yaml, an inventory of Ansible, or HOST,HOST, (a comma behind); default fleet.yaml.",
    ),
)
_HOSTS = click.argument("hosts", nargs=-1, metavar="[HOST]...", shell_complete=candidates.devices)
_LIMIT = click.option(
    "--limit",
    "limits",
    multiple=True,
    metavar="PATTERN",
    help="Only devices that match too; repeatable.",
    shell_complete=candidates.devices,
)
_OF_CONNECTION = (
    click.option(
        "--ssh-config",
        type=click.Path(path_type=Path, dir_okay=False, exists=True),
        metavar="FILE",
        help="SSH configuration instead of ~/.ssh/config.",
    ),
    click.option("--ask-sudo-password", is_flag=True, help="Ask once for the password of sudo on the devices."),
    click.option(
        "--sudo-password-file",
        type=click.Path(path_type=Path, dir_okay=False),
        metavar="FILE",
        help="File with the password of sudo, mode 0600; its first line counts.",
    ),
    click.option(
        "--key-passphrase-file",
        type=click.Path(path_type=Path, dir_okay=False),
        metavar="FILE",
        help="File with the passphrase of the SSH key, where no agent holds it; mode 0600.",
    ),
)
_OF_FORM = (
    *FORMS,
    click.option("-v", "--verbose", is_flag=True, help="Show every detail."),
    CATALOG,
)


def read_fleet_options(options: dict[str, Any]) -> FleetOptions:
    """Take the shared options out of a command's keyword arguments. Raises UsageError."""
    from jetson_deploy.fleet.inventory.pattern import chosen
    from jetson_deploy.fleet.inventory.read import read_inventory
    from jetson_deploy.fleet.inventory.typed import SOURCE

    hosts: tuple[str, ...] = options.pop("hosts", ())
    limits: tuple[str, ...] = options.pop("limits", ())
    named = options.pop("inventory")
    inventory = read_inventory(named, hosts)
    are_the_inventory = named is None and inventory.source == SOURCE
    devices = chosen(inventory, (hosts if not are_the_inventory else ()) or ("all",), limits)
    return _of(inventory, devices, options)


def read_typed_options(options: dict[str, Any]) -> FleetOptions:
    from jetson_deploy.fleet.inventory.typed import typed_inventory

    hosts: tuple[str, ...] = options.pop("hosts")
    inventory = typed_inventory(text for one in hosts for text in one.split(","))
    return _of(inventory, inventory.devices, options)


def _of(inventory: Inventory, devices: tuple[Device, ...], options: dict[str, Any]) -> FleetOptions:
    settings = Settings.from_environment()
    dirs = (*settings.catalog_dirs, *options.pop("catalog_dirs"))
    return FleetOptions(
        inventory=inventory,
        devices=devices,
        settings=msgspec.structs.replace(settings, catalog_dirs=dirs),
        **{key: options.pop(key) for key in _PASSED if key in options},
    )


_PASSED = (
    "as_json",
    "as_events",
    "quiet",
    "verbose",
    "ssh_config",
    "ask_sudo_password",
    "sudo_password_file",
    "key_passphrase_file",
)
