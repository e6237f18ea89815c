"""The model that was asked for, found in the catalog; what no host could serve is refused."""

from __future__ import annotations

from msgspec import Meta

from jetson_deploy.catalog.catalog import Catalog
from jetson_deploy.catalog.entries import ModelFamily
from jetson_deploy.deployment.instance import Instance
from jetson_deploy.deployment.option import Row
from jetson_deploy.deployment.options import OPTIONS
from jetson_deploy.deployment.request import Wanted
from jetson_deploy.errors import PreflightError, UsageError
from jetson_deploy.facts import HostFacts
from jetson_deploy.names import OLLAMA_NAMESPACE, parse_model_name, shown
from jetson_deploy.server.port import Server

DEFAULT_FAMILY = "deepseek-r1"


def check_wanted(catalog: Catalog, request: Wanted, server: Server) -> None:
    """Refuse what no host could serve: UsageError for a model, context, parallelism or KV type that is not known."""
    sizes = catalog.models[DEFAULT_FAMILY].sizes.values()
    longest = max((size.context_length for size in sizes if size.automatic), default=1 << 20)
    if request.model is not None:
        family, tag = find_model(catalog, request.model)
        longest = family.sizes[tag].context_length
    if request.kv_cache_type not in server.kv_cache_types:
        raise UsageError(
            f"KV cache type {request.kv_cache_type!r} is unknown",
            hint=f"one of {', '.join(server.kv_cache_types)}",
            code="bad-kv-cache-type",
        )
    _check_range(request, OPTIONS["context"], longest)
    _check_range(request, OPTIONS["parallel"])


def check_kv_cache_type(facts: HostFacts, request: Wanted, server: Server) -> None:
    """Refuse what the server does not take on this host's GPU."""
    taken = server.kv_cache_types_on(facts.cuda_capability)
    if request.kv_cache_type not in taken:
        raise PreflightError(
            f"KV cache type {request.kv_cache_type} needs flash attention, which {server.title} does not use on this "
            f"GPU (compute {facts.cuda_capability})",
            hint=f"--kv-cache-type {taken[0]}, with a smaller --context or model where the memory is short",
            code="kv-cache-needs-flash-attention",
        )


def _check_range(request: Wanted, row: Row, longest: int | None = None) -> None:
    value, bounds = getattr(request, row.field), row.option.bounds or Meta()
    low, high = bounds.ge, longest or bounds.le
    if value is None or low is None or high is None or low <= value <= high:
        return
    flag = row.option.flag
    source = request.sources.get(row.key, flag)
    said = f"{flag} {value}" if source == flag else f"{row.key} {value} ({source})"
    raise UsageError(f"{said} is out of range", hint=f"give {low} to {high}", code="out-of-range")


def kept_model(catalog: Catalog, serving: Instance) -> tuple[ModelFamily, str] | None:
    """What serves, or None when the catalog no longer knows it."""
    name, _, tag = serving.record.model.partition(":")
    family = catalog.models.get(name)
    return (family, tag) if family is not None and tag in family.sizes else None


def find_model(catalog: Catalog, text: str) -> tuple[ModelFamily, str]:
    name = parse_model_name(text, default_family=DEFAULT_FAMILY)
    family = catalog.models.get(name.model.lower())  # Ollama's names are the same in any case
    if family is None or name.registry is not None or name.namespace != OLLAMA_NAMESPACE:
        raise _unknown(text, text, [*sorted(catalog.models), *catalog.models[DEFAULT_FAMILY].sizes])
    for tag, size in family.sizes.items():
        if name.tag.lower() in (known.lower() for known in (tag, *size.aliases)):
            return family, tag
    raise _unknown(text, name.tag, list(family.sizes))


def _unknown(text: str, part: str, known: list[str]) -> UsageError:
    """`part` of `text` is not among `known`."""
    import difflib  # for mistakes alone

    near = difflib.get_close_matches(part, known, n=1, cutoff=0.6)
    hint = f"did you mean {near[0]}? " if near else ""
    return UsageError(
        f"model {shown(text)} is not in the catalog, so its memory need is unknown",
        hint=f"{hint}known: {', '.join(known[:8])}; more can be added in a catalog overlay",
        code="unknown-model",
    )
