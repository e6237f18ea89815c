"""The flags of `plan` and `up`, made from the rows of `deployment/options.py`, and the request that they come to."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click
import msgspec

from jetson_deploy.cli import candidates
from jetson_deploy.cli.layers import DeployFlags
from jetson_deploy.cli.options import CommonOptions, checked_store
from jetson_deploy.deployment.option import Row
from jetson_deploy.deployment.options import OPTIONS
from jetson_deploy.deployment.request import Request
from jetson_deploy.errors import UsageError

Result = TypeVar("Result")
FLAGGED = tuple(row for row in OPTIONS.values() if row.option.flag and not row.option.shared)
_BESIDE = "{}_option"
"""Parameter of the flag, where there is an argument of the same name."""


def wishes(command: Callable[..., Result]) -> Callable[..., Result]:
    """What is wanted of the deployment; passed on as one `wanted: DeployFlags`."""

    @functools.wraps(command)
    def gathered(**given: Any) -> Result:
        flags = {row.key: _taken(row, given) for row in FLAGGED}
        said = {key: value for key, value in flags.items() if value is not None}
        return command(wanted=DeployFlags(file=given.pop("deployment_file"), said=said), **given)

    decorated: Callable[..., Result] = gathered
    for row in reversed(FLAGGED):
        decorated = _flag(row)(decorated)
        if row.option.argument:
            argument = click.argument(row.key, metavar=f"[{row.option.metavar}]", required=False, **_completion(row))
            decorated = argument(decorated)
    return _FILE(decorated)


_FILE = click.option(
    "-f",
    "--file",
    "deployment_file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Deployment file (`-` for stdin); `plan --example` prints one.",
)


def _flag(row: Row) -> Callable[[Callable[..., Result]], Callable[..., Result]]:
    option = row.option
    name = _BESIDE.format(row.key) if option.argument else row.key
    if row.kind is bool:
        return click.option(option.flag, name, default=None, help=option.help)
    about: dict[str, Any] = {"type": click_type(row), "metavar": option.metavar, "help": option.help}
    return click.option(option.flag, name, callback=_within(row), **about, **_completion(row))


def click_type(row: Row) -> Any:
    """A range for a number that has bounds."""
    bounds = None if row.option.planned else row.option.bounds
    ranges: dict[Any, Any] = {int: click.IntRange, float: click.FloatRange}
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


def _completion(row: Row) -> dict[str, Any]:
    if row.option.completes:
        return {"shell_complete": getattr(candidates, row.option.completes)}
    return {"shell_complete": candidates.of(row.literals)} if row.literals else {}


def _taken(row: Row, given: dict[str, Any]) -> Any:
    """Out of a verb's keyword arguments."""
    if not row.option.argument:
        return given.pop(row.key)
    argument, flag = given.pop(row.key), given.pop(_BESIDE.format(row.key))
    if argument is not None and flag is not None and argument != flag:
        raise UsageError(
            f"{row.option.metavar} is {argument!r} and {row.option.flag} is {flag!r}",
            hint=f"name the {row.key} once",
            code="usage",
        )
    return flag if argument is None else argument


def read_wishes(wanted: DeployFlags, common: CommonOptions, *, force: bool = False) -> tuple[Request, Path | None]:
    """The request, and the store directory where one was named."""
    asked = {row.field: common.layers.wish(row, common.settings, wanted.said.get(row.key)) for row in _ASKED}
    store = checked_store(asked["store"]) if asked["store"] is not None else None
    request = Request(
        **{field: value for field, value in asked.items() if value is not None},
        name=common.name,
        image_registry=common.settings.image_registry,
        simulated=common.settings.rehearsal,
        force=force,
        watch=common.layers.watch(),
        sources=dict(common.layers.sources),
    )
    return request, store


_ASKED = tuple(row for row in OPTIONS.values() if not row.option.shared)
