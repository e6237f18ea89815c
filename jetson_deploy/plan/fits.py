"""Whether a model that lies in a store fits the memory of a board, and by which account."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import msgspec

from jetson_deploy.catalog.catalog import Catalog
from jetson_deploy.catalog.entries import ModelSize
from jetson_deploy.deployment.instance import Instance
from jetson_deploy.deployment.request import Request
from jetson_deploy.deployment.settle import settle
from jetson_deploy.names import OLLAMA_NAMESPACE, ModelName
from jetson_deploy.plan.budget import CONTEXT_STEP, Budget, free_without_ours
from jetson_deploy.plan.layers import Kept
from jetson_deploy.plan.memory import footprint, need_terms
from jetson_deploy.server.footprint import Footprint
from jetson_deploy.server.opened import open_server
from jetson_deploy.server_kinds import KINDS, USUAL
from jetson_deploy.units import compared

Account = Literal["catalog by digest", "catalog by name", "header of the file"]


class Shape(msgspec.Struct, frozen=True, kw_only=True):
    """What the header of a model's file says of the model."""

    file_bytes: int
    layers: int
    kv_heads: int
    key_length: int
    value_length: int
    embedding_length: int
    vocabulary: int
    context_length: int
    heads: int = 0
    feed_forward_length: int = 0
    architecture: str = ""
    kept: Kept | None = None
    """None: the same in every layer, for the whole context."""
    window_tokens: int = 0
    tied_embedding_bytes: int = 0
    has_vision: bool = False

    @property
    def footprint(self) -> Footprint:
        whole = 2 * self.layers * self.kv_heads * (self.key_length + self.value_length)
        kept = self.kept or Kept(whole=whole)
        return Footprint(
            file_bytes=self.file_bytes,
            kv_bytes_per_token_f16=kept.whole,
            window_tokens=self.window_tokens,
            window_kv_bytes_per_token_f16=kept.window,
            latent_value_bytes_per_token_f16=kept.latent_values,
            state_bytes=kept.state,
            tied_embedding_bytes=self.tied_embedding_bytes,
            has_vision=self.has_vision,
            embedding_length=self.embedding_length,
            vocabulary=self.vocabulary,
            architecture=self.architecture,
            heads=self.heads,
            attention_width=self.heads * self.key_length,
            feed_forward_length=self.feed_forward_length,
        )


class Fit(msgspec.Struct, frozen=True, kw_only=True):
    fits: bool | None
    """None: unknown."""
    why: str
    context_tokens: int | None = None
    """That it was asked for: the usual one, or the largest below it that fits."""
    need_bytes: int | None = None
    kv_bytes: int | None = None
    """Of the KV cache at the usual context, whether that fits or not."""
    at_most: tuple[str, ...] = ()
    """Why the need may be less: it is an upper bound then."""
    without: tuple[str, ...] = ()
    """What is not in the need."""
    available_bytes: int | None = None
    according_to: Account | None = None


def budget_for(catalog: Catalog, available_bytes: int, serving: Instance | None) -> Budget:
    """The memory as if nothing of ours ran, with the server that is deployed and what `up` would take else."""
    free = free_without_ours(available_bytes, serving)
    # A server that only a newer version knows is counted as the usual one: the models are listed all the same.
    kind = serving.record.server if serving is not None and serving.record.server in KINDS else USUAL
    request = settle(Request(server=kind), None)
    return Budget(limits=catalog.limits, free_bytes=free, request=request, server=open_server(kind))


def catalog_size(
    catalog: Catalog, name: ModelName | None, manifest_digest: str, file_digest: str | None
) -> tuple[ModelSize, Account] | None:
    """By the digests of what is here; a name alone is believed last, and only by who knows nothing better."""
    for family in catalog.models.values():
        for size in family.sizes.values():
            known = (size.manifest_digest, *size.older_manifest_digests)
            if manifest_digest in known or (file_digest is not None and file_digest == size.model_layer.digest):
                return size, "catalog by digest"
    size_of_name = size_by_name(catalog, name) if name is not None else None
    return (size_of_name, "catalog by name") if size_of_name is not None else None


def size_by_name(catalog: Catalog, name: ModelName) -> ModelSize | None:
    """In whatever case it is written, as Ollama takes it."""
    family, tag = catalog.models.get(name.model.lower()), name.tag.lower()
    if family is None or name.registry is not None or name.namespace != OLLAMA_NAMESPACE:
        return None
    named = (size for key, size in family.sizes.items() if tag in (key, *(alias.lower() for alias in size.aliases)))
    return next(named, None)


def fit_of_size(size: ModelSize, account: Account, budget: Budget) -> Fit:
    """For a model of the catalog: our own need, and the estimate of a server that keeps layers on the CPU by it."""
    shortfall, context = None, 0
    for context in _contexts(budget, size.context_length):
        shortfall = budget.shortfall(size, context, None)
        if shortfall is None:
            break
    return _fit(footprint(size), size.context_length, context, shortfall, account, budget)


def fit_of_shape(shape: Shape, budget: Budget) -> Fit:
    """For any other model: the same terms, from the header."""
    shortfall, context = None, 0
    for context in _contexts(budget, shape.context_length):
        need = sum(budget.terms_of(shape.footprint, context).values())
        shortfall = None if need <= budget.available_bytes else _needs(need, context, budget)
        if shortfall is None:
            break
    found = _fit(shape.footprint, shape.context_length, context, shortfall, "header of the file", budget)
    bounded = (shape.kept.bounded,) if shape.kept and shape.kept.bounded else ()
    at_most = (*found.at_most, *bounded)
    remarks = ", at most" * bool(at_most) + ", without images" * bool(found.without)
    return msgspec.structs.replace(found, at_most=at_most, why=found.why + remarks)


def _contexts(budget: Budget, longest: int) -> Iterator[int]:
    """From the usual one down to the least that is of use, as `up` tries them."""
    usual = min(int(budget.limits["default_context_tokens"].value), longest)
    least = min(int(budget.limits["least_context_tokens"].value), usual)
    return iter(range(usual, least - 1, -CONTEXT_STEP))


def _fit(model: Footprint, longest: int, context: int, shortfall: str | None, account: Account, budget: Budget) -> Fit:
    taken = budget.taken(model, context)
    need = sum(need_terms(model, taken, budget.limits).values())
    without = ("images",) if model.has_vision else ()
    return Fit(
        fits=shortfall is None,
        why=shortfall or _needs(need, context, budget),
        context_tokens=context,
        need_bytes=need,
        kv_bytes=budget.taken(model, next(_contexts(budget, longest))).kv_cache,
        at_most=taken.bounds,
        without=without,
        available_bytes=budget.available_bytes,
        according_to=account,
    )


def _needs(need: int, context: int, budget: Budget) -> str:
    needed, usable = compared(need, budget.available_bytes)
    return f"needs {needed} at a context of {context}, {usable} can be used"
