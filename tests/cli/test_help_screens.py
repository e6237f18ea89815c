"""The help of every command and of the root, as data."""

from __future__ import annotations

import functools

import click
import pytest
from drawn_screens import as_drawn, drawn
from walked_commands import commands

from jetson_deploy.cli.main import group

COLUMNS = 78
"""As on any terminal of 80 and more: click leaves a margin, and is never wider."""
WIDEST = 100
"""Of a line that cannot be wrapped: a command to be copied."""
PATHS = {"-".join(("jetson-deploy", *path)): path for path in ((), *commands())}


@functools.cache
def help_of(path: tuple[str, ...]) -> str:
    """The text that --help prints."""
    settings = {**group.context_settings, "terminal_width": COLUMNS}
    command: click.Command = group
    context = click.Context(group, info_name="jetson-deploy", **settings)
    for name in path:
        assert isinstance(command, click.Group)
        found = command.get_command(context, name)
        assert found is not None
        command, context = found, click.Context(found, info_name=name, parent=context, terminal_width=COLUMNS)
    return command.get_help(context) + "\n"


@pytest.mark.parametrize("name", PATHS)
def test_the_help_is_as_it_was_when_it_was_looked_at(name: str) -> None:
    assert as_drawn(f"help/{name}", help_of(PATHS[name]))


@pytest.mark.parametrize("name", PATHS)
def test_no_line_of_help_is_wider_than_a_terminal(name: str) -> None:
    assert max(map(len, help_of(PATHS[name]).splitlines())) <= WIDEST


def test_no_screen_is_left_of_a_command_that_went() -> None:
    assert drawn("help") == set(PATHS)
