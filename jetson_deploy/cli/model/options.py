"""What every verb of `model` needs: the everyday options, and the store it is about."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from jetson_deploy.cli.options import Everyday, acting, checked_store, read_everyday

Command = TypeVar("Command", bound=Callable[..., Any])

_STORE = click.option(
    "--store",
    metavar="DIR",
    help="Model store (Ollama's OLLAMA_MODELS); default: the deployment's, else where `up` would put it.",
)


def store_options(command: Command) -> Command:
    """--store and the everyday options."""
    return _STORE(acting(command))


def read_store_options(options: dict[str, Any]) -> tuple[Everyday, Path]:
    """Take them out of a verb's keyword arguments. The store need not exist."""
    given = options.pop("store")
    shared = read_everyday(options)
    return shared, checked_store(given) if given is not None else _default_store(shared)


def _default_store(shared: Everyday) -> Path:
    from jetson_deploy.state.records import deployed_store

    return deployed_store(shared.settings.state_dir, shared.name) or _place_of_up(shared)


def _place_of_up(shared: Everyday) -> Path:
    from jetson_deploy.detect.detect import detect_host
    from jetson_deploy.detect.host import Host
    from jetson_deploy.detect.store import DEFAULT_STORE
    from jetson_deploy.settings import OLLAMA_PORT

    facts = detect_host(Host(Path("/")), shared.catalog(), engine=None, store=None, port=OLLAMA_PORT, live=True)
    return Path(facts.store.path if facts.store is not None else DEFAULT_STORE)
