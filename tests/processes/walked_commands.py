"""Every command that can be typed, with its path: the groups too, the old names and the root not."""

from __future__ import annotations

from collections.abc import Iterator

import click

from jetson_deploy.cli.main import group

Path = tuple[str, ...]


def commands() -> dict[Path, click.Command]:
    return dict(_walked((), group))


def _walked(path: Path, command: click.Command) -> Iterator[tuple[Path, click.Command]]:
    if path:
        yield path, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            assert found is not None
            yield from _walked((*path, name), found)
