"""`completion`: the script that makes a shell complete commands, options and names."""

from __future__ import annotations

import click

from jetson_deploy.cli.render import answer

VARIABLE = "_JETSON_DEPLOY_COMPLETE"
"""Click's own: set by the script when the shell asks."""


@click.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(shell: str) -> None:
    """Print the script that completes commands, options, sizes, boards, devices, faults and revisions in SHELL.

    \b
    bash: jetson-deploy completion bash > ~/.local/share/bash-completion/completions/jetson-deploy
    zsh:  jetson-deploy completion zsh >> ~/.zshrc
    fish: jetson-deploy completion fish > ~/.config/fish/completions/jetson-deploy.fish
    """
    from click.shell_completion import get_completion_class

    from jetson_deploy.cli.main import group

    known = get_completion_class(shell)
    if known is None:
        raise click.UsageError(f"click knows no completion for {shell}")
    answer(known(group, {}, "jetson-deploy", VARIABLE).source().rstrip("\n"))
