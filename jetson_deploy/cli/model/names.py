"""A model that must be in the store."""

from __future__ import annotations

from pathlib import Path

from jetson_deploy.cli.command_group import nearest
from jetson_deploy.errors import UnhealthyError
from jetson_deploy.names import ModelName, parse_model_name
from jetson_deploy.plan.wanted_model import DEFAULT_FAMILY
from jetson_deploy.store.inventory import manifest_names
from jetson_deploy.store.layout import StorePaths


def stored_name(text: str, store: Path) -> ModelName:
    """As the store spells it; Ollama's names are the same in any case. Raises UsageError, UnhealthyError."""
    wanted = parse_model_name(text, default_family=DEFAULT_FAMILY)
    here = manifest_names(StorePaths(store))
    if wanted in here:
        return wanted
    other_case = [name for name in here if name.short.lower() == wanted.short.lower()]
    if other_case:
        return other_case[0]
    near = nearest(wanted.short, [name.short for name in here], cutoff=0.5)
    raise UnhealthyError(
        f"there is no model {wanted.short} in the store {store}",
        hint=f"did you mean {near[0]}?" if near else f"jetson-deploy model list --store {store} shows what is there",
        code="model-not-in-store",
    )
