"""The model that was asked for, by its name; what no host could serve is refused."""

from __future__ import annotations

from msgspec import Meta

from jetson_deploy.catalog.catalog import Catalog
from jetson_deploy.catalog.entries import ModelFamily
from jetson_deploy.deployment.instance import Instance
from jetson_deploy.deployment.option import Row
from jetson_deploy.deployment.options import OPTIONS
from jetson_deploy.deployment.request import Wanted
from jetson_deploy.errors import PreflightError, UsageError
from jetson_deploy.facts import HostFacts, StoreFacts
from jetson_deploy.names import ModelName, parse_model_name, shown
from jetson_deploy.plan.nearest_tag import nearest_tag
from jetson_deploy.server.port import Server
from jetson_deploy.server_kinds import KINDS, LLAMA_CPP, NO_SPECULATION

DEFAULT_FAMILY = "deepseek-r1"
_NOT_LOOKED = "not in the catalog, and no store of this host was looked at"


def check_server(request: Wanted) -> None:
    """Refuse a word that was said now. One that a newer version has recorded is another matter (`server/opened.py`)."""
    if "server" in request.sources and request.server not in KINDS:
        raise UsageError(
            f"server {shown(request.server)} is unknown", hint=f"one of {', '.join(KINDS)}", code="bad-server"
        )


def check_wanted(catalog: Catalog, request: Wanted, server: Server, store: StoreFacts | None) -> None:
    """Refuse what no host could serve: UsageError for a model, context, parallelism or KV type that is not known."""
    sizes = catalog.models[DEFAULT_FAMILY].sizes.values()
    longest = max((size.context_length for size in sizes if size.automatic), default=1 << 20)
    if request.model is not None:
        family, tag = find_model(catalog, request.model, store)
        longest = family.sizes[tag].context_length
    if request.kv_cache_type not in server.kv_cache_types:
        raise UsageError(
            f"KV cache type {request.kv_cache_type!r} is unknown",
            hint=f"one of {', '.join(server.kv_cache_types)}",
            code="bad-kv-cache-type",
        )
    if request.speculate not in (NO_SPECULATION, *server.speculations):
        raise UsageError(
            f"{server.title} has no speculation {request.speculate!r} that can be turned on",
            hint=f"--speculate {' or '.join((NO_SPECULATION, *server.speculations))}"
            + ("" if server.speculations else f"; --server {LLAMA_CPP} has one"),
            code="speculation-not-possible",
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
    return known_model(catalog, serving.record.model)


def find_model(catalog: Catalog, text: str, store: StoreFacts | None = None) -> tuple[ModelFamily, str]:
    """`store`: where a model lies that no catalog lists. Raises UsageError."""
    found = known_model(catalog, text)
    if found is not None:
        return found
    if _names_a_file(text):
        raise UsageError(
            f"{shown(text)} names a file; a model is deployed by its name in the store",
            hint=f"jetson-deploy model import {text} --as NAME, then the same command with NAME",
            code="model-is-a-file",
        )
    raise _unknown(catalog, text, parse_model_name(text, default_family=DEFAULT_FAMILY), store)


def known_model(catalog: Catalog, text: str) -> tuple[ModelFamily, str] | None:
    """By its name or an alias, in any case, as Ollama takes names."""
    name = parsed(text)
    if name is None:
        return None
    wanted = name.short.lower()
    for family in catalog.models.values():
        for tag, size in family.sizes.items():
            if wanted in (f"{family.family}:{known}".lower() for known in (tag, *size.aliases)):
                return family, tag
    return None


def parsed(text: str) -> ModelName | None:
    """None: it is no name."""
    try:
        return parse_model_name(text, default_family=DEFAULT_FAMILY)
    except UsageError:
        return None


def _names_a_file(text: str) -> bool:
    return text.lower().endswith((".gguf", ".safetensors", ".bin", ".tar")) or text.startswith(("/", "./", "../", "~"))


def _unknown(catalog: Catalog, text: str, name: ModelName, store: StoreFacts | None) -> UsageError:
    sizes = list(catalog.models[DEFAULT_FAMILY].sizes)
    family = catalog.models.get(name.short.lower().rpartition(":")[0])
    near = _nearest(catalog, text, name, family, [one.name for one in store.models or ()] if store else [])
    known = list(family.sizes) if family else [*sorted(catalog.models), *sizes]
    hint = f"did you mean {near}? " if near else ""
    hint += f"known: {', '.join(known[:8])}; " if near or family else ""
    looked = store is not None and store.models is not None
    where = f"neither in the catalog nor in the store {store.path}" if store and looked else _NOT_LOOKED
    return UsageError(
        f"model {shown(text)} is {where}",
        hint=f"{hint}jetson-deploy model fetch {name.short} brings it from its registry, model import FILE --as "
        f"{name.short} from a file; then the same command",
        code="unknown-model",
    )


def _nearest(catalog: Catalog, text: str, name: ModelName, family: ModelFamily | None, here: list[str]) -> str | None:
    """What was meant: of a tag that is not offered the nearest; else where it is a slip of the keyboard, for
    `deepseek-v3` is none of `deepseek-r1`."""
    import difflib  # for mistakes alone

    if family is not None and (tag := nearest_tag(name.tag, family.sizes)):
        return tag
    if family is not None:
        tries = [(name.tag, list(family.sizes), 0.6)]
    else:
        tries = [(name.model, sorted(catalog.models), 0.85), (name.short, here, 0.85)]
        tries += [(text, list(catalog.models[DEFAULT_FAMILY].sizes), 0.6)] if not {"/", ":"} & set(text) else []
    return next((near[0] for try_ in tries if (near := difflib.get_close_matches(try_[0], try_[1], 1, try_[2]))), None)
