"""Options of every command of `model`: the common ones, and the store."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from jetson_deploy.cli.options import CommonOptions, acting, checked_store

Result = TypeVar("Result")

_STORE = click.option(
    "--store",
    metavar="DIR",
    help="Model store (Ollama's OLLAMA_MODELS); default: the deployment's, else where `up` would put it.",
)


def store_options(command: Callable[..., Result]) -> Callable[..., Result]:
    """The common options as `common`, and --store as `store`, which need not exist."""

    @functools.wraps(command)
    def called(*, common: CommonOptions, store: str | None, **given: Any) -> Result:
        path = checked_store(store) if store is not None else _default_store(common)
        return command(common=common, store=path, **given)

    return _STORE(acting(called))


def _default_store(common: CommonOptions) -> Path:
    from jetson_deploy.state.records import deployed_store

    return deployed_store(common.settings.state_dir, common.name) or _place_of_up(common)


def _place_of_up(common: CommonOptions) -> Path:
    from jetson_deploy.detect.detect import detect_host
    from jetson_deploy.detect.host import Host
    from jetson_deploy.detect.store import DEFAULT_STORE
    from jetson_deploy.settings import OLLAMA_PORT

    facts = detect_host(Host(Path("/")), common.catalog(), engine=None, store=None, port=OLLAMA_PORT, live=True)
    return Path(facts.store.path if facts.store is not None else DEFAULT_STORE)
