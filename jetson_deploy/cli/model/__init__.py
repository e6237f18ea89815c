"""`model`: the store alone, without a Jetson or an engine, for any model name. One module per verb."""

from __future__ import annotations

import click

from jetson_deploy.cli.verbs import Verbs

VERBS = {
    "list": "What is here, and whether it fits this board",
    "fetch": "Bring a model from a registry, resumable, every byte hashed",
    "verify": "Hash what is here; --repair fetches only what is wrong",
    "adopt": "Take over a store that Ollama filled, without copying",
    "remove": "Take one model out",
    "collect": "Remove what no model needs",
    "export": "One model into one tar file",
    "import": "A model from such a file, or from a GGUF",
    "serve": "This store as a read-only registry for the neighbours",
}


@click.command("model", cls=Verbs, verbs=VERBS, package="jetson_deploy.cli.model")
def command() -> None:
    """The model store: works alone, without a Jetson or an engine, for any model name."""
