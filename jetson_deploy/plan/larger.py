"""Changes that make a larger model fit: each is found by choosing again with one thing changed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

import msgspec

from jetson_deploy.catalog.catalog import Catalog
from jetson_deploy.catalog.entries import ModelSize
from jetson_deploy.deployment.instance import find_serving
from jetson_deploy.deployment.plan import ModelChoice
from jetson_deploy.deployment.request import Request, Wanted
from jetson_deploy.deployment.settle import settle
from jetson_deploy.errors import JetsonDeployError
from jetson_deploy.facts import HostFacts
from jetson_deploy.names import parse_model_name
from jetson_deploy.plan.budget import Budget, least_context
from jetson_deploy.plan.model import choose_model
from jetson_deploy.plan.stored_model import with_stored
from jetson_deploy.plan.wanted_model import DEFAULT_FAMILY
from jetson_deploy.server.opened import open_server

WORTH_NAMING = 200 << 20
"""Less than this that others hold is noise of the measurement."""

Change = Literal["context", "kv-cache", "desktop", "others"]


class Way(msgspec.Struct, frozen=True, kw_only=True):
    change: Change
    model: ModelChoice
    """What is chosen then."""
    freed_bytes: int = 0
    """For `desktop` and `others`."""


def ways_to_larger(facts: HostFacts, request: Request, catalog: Catalog, chosen: ModelChoice) -> list[Way]:
    """The changes that bring a larger model, each alone; none where the model was asked for or is deployed."""
    if request.model is not None or find_serving(facts.engine, request.name) is not None or not chosen.rejected:
        return []
    now = _size(catalog, chosen.name).parameters
    larger = [_size(catalog, rejected.name) for rejected in chosen.rejected]
    return [
        way
        for way in _ways(facts, settle(request, None), catalog, larger)
        if _size(catalog, way.model.name).parameters > now
    ]


def ways_to_fit(facts: HostFacts, request: Request, catalog: Catalog) -> list[Way]:
    """As above, where nothing fits, or not what was asked for by name: then the refusal says what context would."""
    serving = find_serving(facts.engine, request.name)
    wanted = settle(request, serving)
    found = _ways(facts, wanted, with_stored(catalog, facts, wanted, serving, open_server(wanted.server)))
    return [way for way in found if request.model is None or way.change != "context"]


def _ways(
    facts: HostFacts, wanted: Wanted, catalog: Catalog, larger: Sequence[ModelSize] | None = None
) -> Iterator[Way]:
    server = open_server(wanted.server)
    for change, host, wish, freed in _changes(facts, wanted, catalog):
        budget = Budget(
            limits=catalog.limits,
            free_bytes=host.memory.available_bytes or 0,
            request=wish,
            server=server,
            compute_capability=host.cuda_capability,
        )
        if larger is not None and not _hopeful(budget, larger):
            continue
        try:
            model, _ = choose_model(catalog, host, wish, None, server)
        except JetsonDeployError:
            continue
        yield Way(change=change, model=model, freed_bytes=freed)


def _hopeful(budget: Budget, larger: Sequence[ModelSize]) -> bool:
    """Whether any larger size has the memory then: a sum, where choosing looks at every image for every size."""
    least = least_context(budget)
    return any(sum(budget.terms(size, least).values()) <= budget.available_bytes for size in larger)


def _changes(facts: HostFacts, wanted: Wanted, catalog: Catalog) -> Iterator[tuple[Change, HostFacts, Wanted, int]]:
    if wanted.context_tokens is not None:
        yield "context", facts, msgspec.structs.replace(wanted, context_tokens=None), 0
    if wanted.kv_cache_type == "f16" and "q8_0" in open_server(wanted.server).kv_cache_types_on(facts.cuda_capability):
        yield "kv-cache", facts, msgspec.structs.replace(wanted, kv_cache_type="q8_0"), 0
    desktop, free, total = facts.memory.desktop_bytes or 0, facts.memory.available_bytes, facts.memory.total_bytes
    if free is None or total is None:
        return
    if desktop:
        yield "desktop", _with_free(facts, min(total, free + desktop)), wanted, desktop
    held = total - free - desktop - int(catalog.limits["headless_system_bytes"].value)
    if held > WORTH_NAMING:
        yield "others", _with_free(facts, free + held), wanted, held


def _with_free(facts: HostFacts, free: int) -> HostFacts:
    return msgspec.structs.replace(facts, memory=msgspec.structs.replace(facts.memory, available_bytes=free))


def _size(catalog: Catalog, model: str) -> ModelSize:
    name = parse_model_name(model, default_family=DEFAULT_FAMILY)
    return catalog.models[name.model].sizes[name.tag]
