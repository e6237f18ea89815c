"""The files that the chosen model is made of, and whether the server can serve it."""

from __future__ import annotations

from jetson_deploy.catalog.catalog import Catalog
from jetson_deploy.deployment.plan import ModelChoice
from jetson_deploy.errors import PreflightError
from jetson_deploy.facts import HostFacts
from jetson_deploy.server.port import Server
from jetson_deploy.server.workload import Layers


def layers_of(catalog: Catalog, facts: HostFacts, model: ModelChoice) -> Layers:
    """By the manifest that is going to serve: in the store, under its tag or pinned, else as the catalog knows it."""
    here = (*(facts.store.pinned or ()), *(facts.store.models or ())) if facts.store else ()
    for one in here:
        if (one.name, one.manifest_digest) == (model.name, model.manifest_digest):
            return Layers(weights=one.weights, template=one.template, parameters=one.parameters)
    family, _, tag = model.name.rpartition(":")
    known = catalog.models.get(family)
    size = known.sizes.get(tag) if known else None
    chat = size.chat if size else None
    if size is None or chat is None or chat.manifest != model.manifest_digest:
        return Layers()
    return Layers(weights=size.model_layer.digest, template=chat.template, parameters=chat.parameters or "")


def check_layers(server: Server, model: ModelChoice, layers: Layers) -> None:
    """Raises PreflightError `server-cannot-serve`."""
    reason = server.cannot_serve(layers)
    if reason is None:
        return
    fetch = f"jetson-deploy model fetch {model.name}, then again; " if layers.template is None else ""
    raise PreflightError(
        f"{server.title} cannot serve {model.name}: {reason}",
        hint=f"{fetch}Ollama serves it",
        code="server-cannot-serve",
    )
