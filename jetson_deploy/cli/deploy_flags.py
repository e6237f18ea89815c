"""The flags of `plan` and `up`, made from the rows of `deployment/options.py`, and the request that they come to."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from jetson_deploy.cli.layers import DeployFlags
from jetson_deploy.cli.options import CommonOptions, checked_store
from jetson_deploy.cli.row_flags import completion, flag
from jetson_deploy.deployment.option import Row
from jetson_deploy.deployment.options import OPTIONS
from jetson_deploy.deployment.request import Request
from jetson_deploy.errors import UsageError

if TYPE_CHECKING:
    from jetson_deploy.runtime.port import Runtime
    from jetson_deploy.runtime.systemd.archive_address import ArchiveAddress

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
        decorated = flag(row, _BESIDE.format(row.key) if row.option.argument else row.key)(decorated)
        if row.option.argument:
            argument = click.argument(row.key, metavar=f"[{row.option.metavar}]", required=False, **completion(row))
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


def _taken(row: Row, given: dict[str, Any]) -> Any:
    """Out of a command's keyword arguments."""
    if not row.option.argument:
        return given.pop(row.key)
    argument, option = given.pop(row.key), given.pop(_BESIDE.format(row.key))
    if argument is not None and option is not None and argument != option:
        raise UsageError(
            f"{row.option.metavar} is {argument!r} and {row.option.flag} is {option!r}",
            hint=f"name the {row.key} once",
            code="usage",
        )
    return option if argument is None else argument


def read_wishes(wanted: DeployFlags, common: CommonOptions, *, force: bool = False) -> tuple[Request, Path | None]:
    """The request, and the store directory where one was named."""
    request = common.layers.request(common.settings, common.name, wanted.said, force=force)
    store = checked_store(request.store) if request.store is not None else None
    return request, store


def runtime_for(request: Request, common: CommonOptions) -> Runtime:
    """Opened for what is asked for."""
    from jetson_deploy.deploy.opened import runtime_of
    from jetson_deploy.deployment.request import NATIVE_RUNTIME

    archive = _archive(request.archive) if request.archive is not None else None
    return runtime_of(common.settings, common.name, native=request.runtime == NATIVE_RUNTIME, archive=archive)


def _archive(text: str) -> Path | ArchiveAddress:
    from jetson_deploy.runtime.systemd.archive_address import is_address, parse_archive_address

    return parse_archive_address(text) if is_address(text) else Path(text).absolute()
