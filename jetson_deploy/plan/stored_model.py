"""A model that no catalog lists and that lies in the store: planned from the header of its file.

Such a model is added to the catalog of one plan, so that it is chosen, checked and shown as any other.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from jetson_deploy.catalog.catalog import Catalog
from jetson_deploy.catalog.entries import Blob, ModelFamily
from jetson_deploy.deployment.finding import Finding
from jetson_deploy.deployment.instance import Instance
from jetson_deploy.deployment.request import Wanted
from jetson_deploy.errors import PreflightError, UsageError
from jetson_deploy.facts import HostFacts, ModelFacts, StoreFacts
from jetson_deploy.plan.fits import Shape
from jetson_deploy.plan.image import newest_version
from jetson_deploy.plan.image_fit import needed
from jetson_deploy.plan.memory import StoredSize
from jetson_deploy.plan.shape import shape_of
from jetson_deploy.plan.wanted_model import known_model, parsed
from jetson_deploy.server.port import Server
from jetson_deploy.store.gguf.header import GgufHeader

_SOURCE = "header of the file in the store"


def with_stored(
    catalog: Catalog, facts: HostFacts, wanted: Wanted, serving: Instance | None, server: Server
) -> Catalog:
    """With the model that is asked for, or deployed, where the store has it and the catalog has not.

    Raises PreflightError for one that is here and cannot be planned, or is deployed and gone; UsageError for one that
    writes no text.
    """
    text = wanted.model or (serving.record.model if serving else None)
    if text is None or known_model(catalog, text) is not None or facts.store is None or facts.store.models is None:
        return catalog
    found = next(_in_store(facts.store, text, wanted, serving), None)
    if found is not None:
        return _added(catalog, found, _size(catalog, facts, wanted, found, server))
    if wanted.model is None:
        raise _gone(text, facts.store.path)
    return catalog


def _in_store(store: StoreFacts, text: str, wanted: Wanted, serving: Instance | None) -> Iterator[ModelFacts]:
    """What is deployed stays what it is, wherever its tag was moved to; what is named is what the tag means now."""
    name = parsed(text)
    short = name.short.lower() if name else ""
    tagged = [one for one in store.models or () if one.name.lower() == short]
    digest = serving.record.manifest_digest if serving else None
    pinned = [one for one in store.pinned or () if (one.name.lower(), one.manifest_digest) == (short, digest)]
    yield from (*pinned, *tagged) if wanted.model is None else (*tagged, *pinned)


def _added(catalog: Catalog, found: ModelFacts, size: StoredSize) -> Catalog:
    path, _, tag = found.name.rpartition(":")
    known = catalog.models.get(path)
    family = ModelFamily(family=path, title=path, source=(_SOURCE,), confidence="inferred", sizes={tag: size})
    if known is not None:
        family = msgspec.structs.replace(known, sizes={**known.sizes, tag: size})
    return msgspec.structs.replace(catalog, models={**catalog.models, path: family})


def _size(catalog: Catalog, facts: HostFacts, wanted: Wanted, found: ModelFacts, server: Server) -> StoredSize:
    if found.header is None:
        raise _unreadable(found, found.header_problem)
    header = msgspec.convert(found.header, GgufHeader)
    shape = shape_of(header, found.loaded_bytes)
    if isinstance(shape, str):
        raise _unreadable(found, shape)
    architecture = catalog.architectures.get(header.architecture or "")
    if architecture is not None and not architecture.writes_text:
        raise UsageError(
            f"{found.name} writes no text: {header.architecture} makes embeddings, or is a part of another model",
            hint="name a model that answers; jetson-deploy model list shows what is here",
            code="model-writes-no-text",
        )
    by_choice = wanted.image_policy in ("dustynv", "secure")
    newest = newest_version(catalog, facts, needed(server, "0")) if architecture is None and by_choice else None
    least = architecture.min_ollama if architecture else newest
    return _made(found, header, shape, least or "0", architecture_known=architecture is not None)


def _made(
    found: ModelFacts, header: GgufHeader, shape: Shape, min_ollama: str, *, architecture_known: bool
) -> StoredSize:
    footprint = shape.footprint
    return StoredSize(
        parameters=header.parameter_count or 0,
        quantization=header.file_type or "unknown",
        download_bytes=found.missing_bytes,
        model_layer=Blob(size=found.loaded_bytes, digest=None),
        manifest_digest=found.manifest_digest,
        architecture=header.architecture or "unknown",
        layers=shape.layers,
        heads=header.head_count or 0,
        kv_heads=shape.kv_heads,
        head_dim=shape.key_length,
        embedding_length=shape.embedding_length,
        feed_forward_length=header.feed_forward_length or 0,
        vocabulary=shape.vocabulary,
        context_length=shape.context_length,
        kv_bytes_per_token_f16=footprint.kv_bytes_per_token_f16,
        gpu_weight_bytes=None,
        min_ollama=min_ollama,
        source=(_SOURCE,),
        confidence="inferred",
        own=footprint,
        architecture_known=architecture_known,
        bounded=(shape.kept.bounded or "") if shape.kept else "",
    )


def _unreadable(found: ModelFacts, why: str) -> PreflightError:
    return PreflightError(
        f"{found.name} is in the store, and its memory need cannot be told: {why or 'its header was not read'}",
        hint="jetson-deploy model verify --repair fetches damaged files anew; or name another model",
        code="model-header-unusable",
    )


def _gone(name: str, store: str) -> PreflightError:
    return PreflightError(
        f"{name} is deployed, and neither the catalog nor the store {store} has it",
        hint=f"jetson-deploy model fetch {name} brings it back; or name the model that is to serve, such as 8b",
        code="deployed-model-gone",
    )


def stored_size(catalog: Catalog, model: str) -> StoredSize | None:
    """Of a model that was planned from its header."""
    known = known_model(catalog, model)
    size = known[0].sizes[known[1]] if known else None
    return size if isinstance(size, StoredSize) else None


def assumed_of(catalog: Catalog, model: str) -> Iterator[Finding]:
    """What a plan for such a model rests on."""
    size = stored_size(catalog, model)
    if size is None:
        return
    text = (
        f"{model} is in no catalog: its need is reckoned from the header of its file ({size.architecture}, "
        f"{size.layers} layers, context {size.context_length}), its speed is not predicted and is no gate"
    )
    yield Finding(id="model-assumed", severity="note", evidence=text)
    if size.bounded:
        text = f"the need of {model} is an upper bound: {size.bounded}"
        yield Finding(id="memory-at-most", severity="note", evidence=text)
    if size.own.has_vision:
        text = f"{model} takes images: the memory of one is not in its need"
        yield Finding(id="images-not-counted", severity="note", evidence=text)
    if not size.architecture_known:
        text = (
            f"the oldest Ollama that knows the architecture {size.architecture} is not on record: "
            "the newest image that this board can run is taken"
        )
        yield Finding(id="architecture-unknown", severity="note", evidence=text)
