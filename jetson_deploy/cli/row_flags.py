"""The flag of an option, as click wants it, from the option's row."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click
import msgspec

from jetson_deploy.cli import candidates
from jetson_deploy.cli.finite_range import FiniteRange
from jetson_deploy.deployment.option import Row

Result = TypeVar("Result")


def flag(row: Row, name: str, default: Any = None) -> Callable[[Callable[..., Result]], Callable[..., Result]]:
    """`name`: parameter that the value is passed on as."""
    if row.kind is bool:
        return click.option(row.option.flag, name, default=default, help=row.option.help or None)
    return click.option(
        row.option.flag,
        name,
        type=click_type(row),
        default=default,
        show_default=default is not None,
        metavar=row.option.metavar,
        help=row.option.help or None,
        callback=_within(row),
        **completion(row),
    )


def click_type(row: Row) -> Any:
    """A range for a number that has bounds."""
    bounds = None if row.option.planned else row.option.bounds
    ranges: dict[Any, Any] = {int: click.IntRange, float: FiniteRange}
    return ranges[row.kind](bounds.ge, bounds.le) if bounds is not None and row.kind in ranges else row.kind


def _within(row: Row) -> Callable[[click.Context, click.Parameter, Any], Any]:
    """The callback that refuses a text out of the row's bounds."""

    def check(context: click.Context, parameter: click.Parameter, value: Any) -> Any:
        if value is None or row.kind is not str or row.option.bounds is None:
            return value
        try:
            return msgspec.convert(value, row.file_type)
        except msgspec.ValidationError as error:
            raise click.BadParameter(f"{value!r}: {error}", context, parameter) from None

    return check


def completion(row: Row) -> dict[str, Any]:
    if row.option.completes:
        return {"shell_complete": getattr(candidates, row.option.completes)}
    return {"shell_complete": candidates.of(row.literals)} if row.literals else {}
