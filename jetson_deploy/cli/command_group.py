"""A group of commands whose modules are imported when the command runs: start-up is a feature."""

from __future__ import annotations

import importlib
from typing import Any

import click


class WrongUsage(click.UsageError):
    """A usage error that brings its own hint."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


class CommandGroup(click.Group):
    """Lists the commands without importing them, and suggests the nearest name.

    `listed`: name → one line of help. The command `x` is `command` in the module `package.x`; a command that is a word
    of Python (`import`) is in `package.x_`, and a dash stands for an underscore. `old`: former name → name, hidden.
    `of_click`: what every group takes.
    """

    def __init__(
        self,
        name: str | None = None,
        *,
        listed: dict[str, str],
        package: str,
        old: dict[str, str] | None = None,
        **of_click: Any,
    ) -> None:
        super().__init__(name, **of_click)
        self._listed, self._package, self._old = listed, package, old or {}

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self._listed)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self._listed:
            return None
        module = importlib.import_module(
            f"{self._package}.{'import_' if cmd_name == 'import' else cmd_name.replace('-', '_')}"
        )
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(self._listed.items()))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] in self._old:
            new = self._old[args[0]]
            click.echo(f"note: `{ctx.command_path} {args[0]}` is now `{ctx.command_path} {new}`", err=True)
            args = [new, *args[1:]]
        if args and args[0] not in self._listed and not args[0].startswith("-"):
            near = nearest(args[0], list(self._listed), cutoff=0.5)
            hint = f"did you mean `{near[0]}`?" if near else f"{ctx.command_path} --help lists the commands"
            raise WrongUsage(f"there is no command `{args[0][:40]}`", hint)
        return super().resolve_command(ctx, args)


def nearest(text: str, known: list[str], *, cutoff: float) -> list[str]:
    import difflib  # 6 ms, for mistakes only

    return difflib.get_close_matches(text, known, n=1, cutoff=cutoff)
