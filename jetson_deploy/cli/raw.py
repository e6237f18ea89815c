"""`--raw`: what others wrote, with its control characters, into a file or a pipe."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TextIO, TypeVar

import click

from jetson_deploy.cli.streams import write, write_raw

if TYPE_CHECKING:
    from jetson_deploy.cli.options import CommonOptions

Command = TypeVar("Command", bound=Callable[..., Any])


def may_be_raw(command: Command) -> Command:
    """--raw, passed on as `raw`."""
    text = "Write control characters as they are, instead of escaped: into a file or a pipe only."
    return click.option("--raw", is_flag=True, help=text)(command)


def chosen_writer(common: CommonOptions, *, raw: bool) -> Callable[[TextIO, str], None]:
    """Raises UsageError where --raw would reach a terminal, or where the form escapes by its own rules."""
    from jetson_deploy.errors import UsageError

    if not raw:
        return write
    if common.as_json or common.as_events:
        raise UsageError("--raw is for text: JSON escapes control characters", hint="leave --raw out", code="usage")
    if sys.stdout.isatty():
        raise UsageError(
            "--raw never writes to a terminal: a control sequence could take it over",
            hint="send it into a file or a pipe, or leave --raw out",
            code="usage",
        )
    return write_raw
