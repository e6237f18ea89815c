"""What a shell offers for an option or argument: names from the catalog and from the rehearsals."""

from __future__ import annotations

from collections.abc import Callable

import click


def sizes(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    from jetson_deploy.catalog.load import load_catalog
    from jetson_deploy.settings import Settings

    catalog = load_catalog(Settings.from_environment().catalog_dirs)
    return _starting(incomplete, [tag for family in catalog.models.values() for tag in family.sizes])


def of(names: tuple[str, ...]) -> Callable[[click.Context, click.Parameter, str], list[str]]:
    """These."""
    return lambda ctx, param, incomplete: _starting(incomplete, list(names))


def boards(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    from jetson_deploy.rehearsal.board import board_roots

    return _starting(incomplete, sorted(board_roots()))


def catalog_boards(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    from jetson_deploy.catalog.load import load_catalog
    from jetson_deploy.settings import Settings

    return _starting(incomplete, sorted(load_catalog(Settings.from_environment().catalog_dirs).boards))


def faults(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    from jetson_deploy.rehearsal.faults import fault_lines

    return _starting(incomplete, [name for name, _ in fault_lines()])


def _starting(incomplete: str, names: list[str]) -> list[str]:
    return [name for name in names if name.startswith(incomplete)]
