"""`model list`: what is here, and whether it fits this board."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from jetson_deploy.cli.finish import finish
from jetson_deploy.cli.formatting import table
from jetson_deploy.cli.model.options import store_options
from jetson_deploy.cli.options import CommonOptions, offered
from jetson_deploy.units import size_text

if TYPE_CHECKING:
    from jetson_deploy.deploy.model_list import ListedModel, Models

_HEAD = ("NAME", "DIGEST", "SIZE", "STATE", "FAMILY", "PARAMETERS", "QUANTIZATION", "CONTEXT", "FITS")


@click.command("list")
@offered("--root")
@store_options
def command(*, common: CommonOptions, store: Path) -> int:
    """List the models in the store: size, digest, kind, and whether each fits the memory of this board and why.

    Nothing is hashed. With --root DIR the board is the captured one, the store is this machine's.
    """
    from jetson_deploy.deploy.model_list import list_models

    found = list_models(store, common.root, common.settings, common.catalog(), common.name)
    return finish(common, found, lambda: _text(found), simulated=common.settings.rehearsal, also_as_line=True)


def _text(found: Models) -> str:
    lines = [table([_HEAD, *map(_row, found.models)])] if found.models else [_nothing(found)]
    lines += [f"damaged: {damaged.path}: {damaged.problem}{_way_out(damaged.name)}" for damaged in found.damaged]
    return "\n".join(lines)


def _way_out(name: str | None) -> str:
    return f"; jetson-deploy model remove {name} takes it away" if name else ""


def _row(model: ListedModel) -> tuple[str, ...]:
    missing = f", {size_text(model.missing_bytes)} missing" if model.missing_bytes else ""
    return (
        model.name,
        model.manifest_digest[:12],
        size_text(model.size_bytes),
        model.state + missing,
        model.family or "unknown",
        model.parameters or "unknown",
        model.quantization or "unknown",
        str(model.context_limit or "unknown"),
        {True: "yes: ", False: "no: ", None: "unknown: "}[model.fit.fits] + model.fit.why,
    )


def _nothing(found: Models) -> str:
    if found.damaged:
        return f"no model that can be read in {found.store}"
    return f"no model in {found.store}" if found.exists else f"no model: {found.store} does not exist"
