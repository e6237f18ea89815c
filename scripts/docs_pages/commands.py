"""docs/reference/cli.md: every command with its options, from click's own tree."""

from __future__ import annotations

import re
from collections.abc import Iterator

import click

from docs_pages.markdown import fenced, page, table
from jetson_deploy.cli.main import group


def cli_page() -> str:
    commands = list(_commands(group, _context(group, "jetson-deploy")))
    return page("Commands", "the help texts in jetson_deploy/cli", *(part for ctx in commands for part in _parts(ctx)))


def _commands(command: click.Command, ctx: click.Context) -> Iterator[click.Context]:
    yield ctx
    if isinstance(command, click.Group):
        for name in command.list_commands(ctx):
            child = command.get_command(ctx, name)
            if child is not None and not child.hidden:
                yield from _commands(child, _context(child, name, ctx))


def _context(command: click.Command, name: str, parent: click.Context | None = None) -> click.Context:
    return click.Context(command, info_name=name, parent=parent, **command.context_settings)


def _parts(ctx: click.Context) -> Iterator[str]:
    yield f"## {ctx.command_path}"
    yield fenced(" ".join([ctx.command_path, *ctx.command.collect_usage_pieces(ctx)]))
    text = "\n\n".join(_paragraphs(ctx.command.help or ""))
    if text:
        yield text
    options = [record for param in ctx.command.get_params(ctx) if (record := param.get_help_record(ctx))]
    yield table(("option", "meaning"), [(f"`{declared}`", escaped(meaning)) for declared, meaning in options])


def _paragraphs(text: str) -> Iterator[str]:
    """A paragraph that begins with click's \\b keeps its lines."""
    for paragraph in re.split(r"\n\s*\n", text.split("\f")[0].strip()):
        if paragraph.startswith("\b"):
            yield fenced(paragraph.lstrip("\b\n"))
        else:
            yield escaped(" ".join(paragraph.split()))


def escaped(text: str) -> str:
    """Angle brackets outside of code would be taken for HTML."""
    parts = text.split("`")
    return "`".join(p if n % 2 else p.replace("<", "&lt;").replace("*", "\\*") for n, p in enumerate(parts))
