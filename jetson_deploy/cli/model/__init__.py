"""`model`: the store alone, without a Jetson or an engine, for any model name. One module per command."""

from __future__ import annotations

import click

from jetson_deploy.cli.command_group import CommandGroup

COMMANDS = {
    "list": "List the models, and whether they fit this board",
    "fetch": "Download a model from a registry, resumable, every byte hashed",
    "verify": "Hash the store; --repair downloads only what is corrupt",
    "adopt": "Adopt a store that Ollama filled, without copying",
    "remove": "Remove one model",
    "prune": "Remove files that no model needs",
    "export": "Write one model to a tar file",
    "import": "Import a model from such a tar file, or from a GGUF",
    "serve": "Serve this store as a read-only registry for other boards",
}

OLD = {"collect": "prune"}
"""Former names, good for one more release."""


@click.command("model", cls=CommandGroup, listed=COMMANDS, old=OLD, package="jetson_deploy.cli.model")
def command() -> None:
    """Manage the model store: works without a Jetson or an engine, for any model name."""
