"""The memory of the model that the board is made ready for."""

from __future__ import annotations

import msgspec

from jetson_deploy.catalog.catalog import Catalog
from jetson_deploy.deployment.instance import find_serving
from jetson_deploy.deployment.request import Request
from jetson_deploy.deployment.settle import settle
from jetson_deploy.errors import JetsonDeployError
from jetson_deploy.facts import HostFacts
from jetson_deploy.plan.given_l4t import with_given_l4t
from jetson_deploy.plan.model import choose_model
from jetson_deploy.plan.stored_model import with_stored
from jetson_deploy.server.opened import open_server


class ModelNeed(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    bytes: int


def model_need(facts: HostFacts, catalog: Catalog, request: Request) -> ModelNeed | None:
    """Of the one that is named or deployed, else the largest for this board; None: none can be chosen.

    What a desktop holds now is free once the board is ready, so it is not counted. Raises JetsonDeployError for a named
    one that cannot be had.
    """
    total, free = facts.memory.total_bytes, facts.memory.available_bytes
    if total is None or free is None:
        return None
    headless = total - int(catalog.limits["headless_system_bytes"].value)
    memory = msgspec.structs.replace(facts.memory, available_bytes=max(free, headless))
    facts = msgspec.structs.replace(facts, memory=memory)
    serving = find_serving(facts.engine, request.name)
    try:
        wanted = settle(request, serving)
        server = open_server(wanted.server)
        facts = with_given_l4t(facts, request.l4t, catalog, wanted.l4t)
        known = with_stored(catalog, facts, wanted, serving, server)
        model, _ = choose_model(known, facts, wanted, serving, server)
    except JetsonDeployError:
        if request.model is not None:
            raise
        return None
    return ModelNeed(name=model.name, bytes=model.need_bytes)
