"""Completion of options and arguments: names from the catalog, the rehearsals and the record of revisions."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeAlias, TypeVar

import click

from jetson_deploy.cli.foreign import visible

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from jetson_deploy.deployment.revisions import Revision, State


_PATTERN = re.compile(r"(?s)((?:.*[:,])?[!&]?)(.*)")
"""Of host patterns: what is written already, and the part that is being written."""
Offered = TypeVar("Offered")
Candidates: TypeAlias = Callable[[click.Context, click.Parameter, str], list[Offered]]


def _nothing_on_errors(candidates: Candidates[Offered]) -> Candidates[Offered]:
    """A shell's prompt is no place for an error."""

    @functools.wraps(candidates)
    def offered(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[Offered]:
        from jetson_deploy.errors import JetsonDeployError

        try:
            return candidates(ctx, param, incomplete)
        except (JetsonDeployError, OSError):
            return []

    return offered


@_nothing_on_errors
def sizes(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    from jetson_deploy.catalog.load import load_catalog
    from jetson_deploy.settings import Settings

    catalog = load_catalog(Settings.from_environment().catalog_dirs)
    return _starting(incomplete, [tag for family in catalog.models.values() for tag in family.sizes])


def of(names: tuple[str, ...]) -> Callable[[click.Context, click.Parameter, str], list[str]]:
    """These."""
    return lambda ctx, param, incomplete: _starting(incomplete, list(names))


@_nothing_on_errors
def boards(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    from jetson_deploy.rehearsal.board import board_roots

    return _starting(incomplete, sorted(board_roots()))


@_nothing_on_errors
def catalog_boards(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    from jetson_deploy.catalog.load import load_catalog
    from jetson_deploy.settings import Settings

    return _starting(incomplete, sorted(load_catalog(Settings.from_environment().catalog_dirs).boards))


@_nothing_on_errors
def faults(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    from jetson_deploy.rehearsal.faults import fault_lines

    return _starting(incomplete, [name for name, _ in fault_lines()])


@_nothing_on_errors
def rollback_targets(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Revisions that were proven and do not serve, the newest first, each with its model."""
    state = _state(ctx)
    proven = [r for r in state.revisions if r.outcome == "proven" and r.number != state.current] if state else []
    return _revisions(incomplete, proven)


@_nothing_on_errors
def compared(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    from click.shell_completion import CompletionItem  # no part of `import click`

    state = _state(ctx)
    named = [CompletionItem(name) for name in ("current", "previous") if state and name.startswith(incomplete)]
    return named + _revisions(incomplete, state.revisions if state else ())


def _revisions(incomplete: str, revisions: Sequence[Revision]) -> list[CompletionItem]:
    from click.shell_completion import CompletionItem

    numbers = [CompletionItem(str(r.number), help=visible(f"{r.model}, {r.outcome}")) for r in reversed(revisions)]
    return [item for item in numbers if item.value.startswith(incomplete)]


@_nothing_on_errors
def devices(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Devices and groups of the inventory that the command line means, for the last part of a pattern."""
    from jetson_deploy.fleet.inventory.read import read_inventory

    inventory = read_inventory(ctx.params.get("inventory"))
    before, part = _PATTERN.fullmatch(incomplete).groups()  # type: ignore[union-attr]  # it matches everything
    names = dict.fromkeys((*(device.name for device in inventory.devices), *inventory.groups))
    return [before + name for name in _starting(part, list(names))]


def _state(ctx: click.Context) -> State | None:
    """Of the deployment that the command line names."""
    from jetson_deploy.names import check_deployment_name
    from jetson_deploy.settings import Settings
    from jetson_deploy.state.directory import StateDirectory

    name = check_deployment_name(ctx.params.get("name") or "default")
    return StateDirectory(Settings.from_environment().state_dir, name).load()


def _starting(incomplete: str, names: list[str]) -> list[str]:
    return [name for name in names if name.startswith(incomplete) and name.isprintable()]
