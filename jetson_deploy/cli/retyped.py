"""The command line that was typed, with one thing changed: for hints that can be typed."""

from __future__ import annotations

import shlex
from collections.abc import Iterable

import click
from click.core import ParameterSource


def retyped(context: click.Context, without: Iterable[str] = (), *added: str) -> str:
    """`jetson-deploy COMMAND …` as given, less these options, and with these words at the end."""
    words = ["jetson-deploy", context.info_name or ""]
    options: list[str] = []
    for parameter in context.command.params:
        name = parameter.name or ""
        if set(without) & set(parameter.opts) or context.get_parameter_source(name) is not ParameterSource.COMMANDLINE:
            continue
        if isinstance(parameter, click.Option):
            options += _option(parameter, context.params.get(name))
        else:
            words.append(str(context.params[name]))
    return shlex.join([*words, *options, *added])


def _option(option: click.Option, value: object) -> list[str]:
    if isinstance(value, bool) and option.is_flag:
        return [(option.opts if value else option.secondary_opts or option.opts)[-1]]
    values = value if isinstance(value, tuple) else (value,)
    return [word for one in values for word in (option.opts[-1], str(one))]
