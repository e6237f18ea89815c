"""Which DeepSeek-R1: the largest size that fits the memory, is fast enough to use and has an image."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from jetson_deploy.catalog.catalog import Catalog
from jetson_deploy.catalog.entries import Constant, ModelFamily, ModelSize
from jetson_deploy.catalog.version import parse_version
from jetson_deploy.deployment.instance import Instance
from jetson_deploy.deployment.plan import ImageChoice, ModelChoice, RejectedModel
from jetson_deploy.deployment.request import Wanted
from jetson_deploy.errors import JetsonDeployError, PreflightError, ResourceError, UsageError
from jetson_deploy.facts import HostFacts
from jetson_deploy.names import OLLAMA_NAMESPACE, parse_model_name, shown
from jetson_deploy.plan.image import choose_image
from jetson_deploy.plan.memory import Footprint, footprint, need_terms
from jetson_deploy.plan.speed import predict, roofline
from jetson_deploy.server.port import Server
from jetson_deploy.units import compared, size_text

DEFAULT_FAMILY = "deepseek-r1"
CONTEXT_STEP = 1024


class Budget(msgspec.Struct, frozen=True, kw_only=True):
    """What the memory question is asked with."""

    limits: Mapping[str, Constant]
    free_bytes: int
    """MemAvailable, as if nothing of ours ran."""
    request: Wanted
    server: Server

    @property
    def available_bytes(self) -> int:
        return self.free_bytes - int(self.limits["host_reserve_bytes"].value)

    def terms(self, size: ModelSize, context: int) -> dict[str, int]:
        return self.terms_of(footprint(size), context)

    def terms_of(self, model: Footprint, context: int) -> dict[str, int]:
        return need_terms(model, context, self.request.parallel, self.request.kv_cache_type, self.limits)

    def shortfall(self, size: ModelSize, context: int, image: ImageChoice | None) -> str | None:
        """Why the size does not fit at this context, or None."""
        if context > size.context_length:
            return f"has a context of {size.context_length} tokens at most, {context} are wanted"
        need = sum(self.terms(size, context).values())
        if need > self.available_bytes:
            needed, usable = compared(need, self.available_bytes)
            return f"needs {needed} at a context of {context}, {usable} can be used"
        estimate = self._estimate(size, context, image)
        if estimate is not None and estimate > self.free_bytes:
            estimated, free = compared(estimate, self.free_bytes)
            return (
                f"{self.server.title}'s own estimate at a context of {context} is {estimated}, {free} are free: "
                "it would keep layers on the CPU"
            )
        return None

    def _estimate(self, size: ModelSize, context: int, image: ImageChoice | None) -> int | None:
        if not self.server.estimates(image.ollama_version if image else None):
            return None
        return self.own_estimate(size, context)

    def own_estimate(self, size: ModelSize, context: int) -> int | None:
        request = self.request
        return self.server.own_estimate(size, context, request.parallel, request.kv_cache_type, self.limits)


def choose_model(
    catalog: Catalog, facts: HostFacts, request: Wanted, serving: Instance | None, server: Server
) -> tuple[ModelChoice, ImageChoice]:
    """The model, and the image that can serve it.

    A deployment that serves keeps its model unless another is asked for by name.
    Raises ResourceError with need and have, UsageError for an unknown name, PreflightError when no image
    can serve.
    """
    if request.model is not None:
        return _named(catalog, facts, request, *_find(catalog, request.model), serving, server, "asked for by name")
    if serving is not None and (kept := _kept(catalog, serving)):
        return _named(catalog, facts, request, *kept, serving, server, "already deployed; name another to change it")
    return _largest(catalog, facts, request, catalog.models[DEFAULT_FAMILY], serving, server)


def _largest(
    catalog: Catalog, facts: HostFacts, request: Wanted, family: ModelFamily, serving: Instance | None, server: Server
) -> tuple[ModelChoice, ImageChoice]:
    candidates = sorted((kv for kv in family.sizes.items() if kv[1].automatic), key=lambda kv: -kv[1].parameters)
    if not candidates:
        raise UsageError(
            f"the catalog offers no size of {family.family} to choose from (automatic: false on all)",
            hint="name one, e.g. 7b, or correct the catalog overlay",
            code="no-automatic-size",
        )
    lowest = min((_least_version(size, server) for _, size in candidates), key=parse_version)
    choose_image(catalog, facts, request, lowest)  # without any image the memory does not matter: say that first
    budget = _budget(catalog, facts, request, serving, server)
    rejected: list[RejectedModel] = []
    for tag, size in candidates:
        found = _try(catalog, facts, budget, size)
        if isinstance(found, str):
            need = sum(budget.terms(size, _least_context(budget)).values())
            rejected.append(RejectedModel(name=f"{family.family}:{tag}", reason=found, need_bytes=need))
            continue
        context, image = found
        reason = _reason(budget, context, rejected)
        return _choice(catalog, facts, budget, family, tag, context, image, reason, rejected), image
    raise _none_fits(rejected, budget)


def _try(catalog: Catalog, facts: HostFacts, budget: Budget, size: ModelSize) -> tuple[int, ImageChoice] | str:
    try:
        image = choose_image(catalog, facts, budget.request, _least_version(size, budget.server))
    except PreflightError as error:
        return error.message
    context = _fitting_context(budget, size, image)
    if isinstance(context, str):
        return context
    speed = predict(_roofline(catalog, facts, size), budget.limits)
    usable = budget.limits["usable_tokens_per_second"].value
    if speed is not None and speed.high < usable:
        return f"fits, but is predicted to decode {speed.low:g} to {speed.high:g} tok/s, below a usable {usable:g}"
    return context, image


def _least_version(size: ModelSize, server: Server) -> str:
    """What the model needs, and what heeds the settings that the container is given."""
    return max(size.min_ollama, server.least_version, key=parse_version)


def _fitting_context(budget: Budget, size: ModelSize, image: ImageChoice) -> int | str:
    """The wanted context, or the largest below it that fits when the user did not insist; else the reason."""
    wanted = _wanted_context(budget)
    shortfall = budget.shortfall(size, wanted, image)
    if shortfall is None:
        return wanted
    if budget.request.context_tokens is None:
        least = _least_context(budget)
        for context in range(wanted - CONTEXT_STEP, least - 1, -CONTEXT_STEP):
            if budget.shortfall(size, context, image) is None:
                return context
        shortfall = budget.shortfall(size, least, image) or shortfall
    return shortfall


def _named(
    catalog: Catalog,
    facts: HostFacts,
    request: Wanted,
    family: ModelFamily,
    tag: str,
    serving: Instance | None,
    server: Server,
    reason: str,
) -> tuple[ModelChoice, ImageChoice]:
    size = family.sizes[tag]
    name = f"{family.family}:{tag}"
    image = choose_image(catalog, facts, request, _least_version(size, server))
    budget = _budget(catalog, facts, request, serving, server)
    if serving is not None and serving.same_model(name, request):
        # It serves: the memory question has been answered by the board itself.
        return _choice(catalog, facts, budget, family, tag, serving.record.context_tokens, image, reason, []), image
    context = _fitting_context(budget, size, image)
    if isinstance(context, str):
        raise ResourceError(
            f"{name} does not fit: it {context}" if context.startswith("needs") else f"{name} does not fit: {context}",
            hint=_smaller(budget, family, size, image, name),
            code="model-does-not-fit",
        )
    return _choice(catalog, facts, budget, family, tag, context, image, reason, []), image


def _choice(
    catalog: Catalog,
    facts: HostFacts,
    budget: Budget,
    family: ModelFamily,
    tag: str,
    context: int,
    image: ImageChoice,
    reason: str,
    rejected: list[RejectedModel],
) -> ModelChoice:
    size, request = family.sizes[tag], budget.request
    terms = budget.terms(size, context)
    need = sum(terms.values())
    terms["reserve"] = int(budget.limits["host_reserve_bytes"].value)
    estimate = budget.own_estimate(size, context)
    if estimate is not None:
        terms[budget.server.estimate_term] = estimate
    return ModelChoice(
        name=f"{family.family}:{tag}",
        reason=reason,
        manifest_digest=size.manifest_digest,
        download_bytes=size.download_bytes,
        context_tokens=context,
        context_limit_tokens=max(context, _context_limit(budget, size, image)),
        parallel=request.parallel,
        kv_cache_type=request.kv_cache_type,
        need_bytes=need,
        available_bytes=budget.available_bytes,
        terms=terms,
        predicted_tokens_per_second=predict(_roofline(catalog, facts, size), budget.limits),
        rejected=tuple(rejected),
    )


def _context_limit(budget: Budget, size: ModelSize, image: ImageChoice) -> int:
    low, high = 0, size.context_length // CONTEXT_STEP
    while low < high:
        middle = (low + high + 1) // 2
        if budget.shortfall(size, middle * CONTEXT_STEP, image) is None:
            low = middle
        else:
            high = middle - 1
    return low * CONTEXT_STEP


def _budget(catalog: Catalog, facts: HostFacts, request: Wanted, serving: Instance | None, server: Server) -> Budget:
    free = facts.memory.available_bytes
    if free is None:
        raise PreflightError(
            "the free memory of this host is unknown (MemAvailable in /proc/meminfo cannot be read)",
            hint="mount /proc, or capture the board again with scripts/capture-host",
            code="memory-unknown",
        )
    free = free_without_ours(free, serving)
    return Budget(limits=catalog.limits, free_bytes=free, request=request, server=server)


def free_without_ours(free: int, serving: Instance | None) -> int:
    """Bytes that would be free if the deployment did not run."""
    if serving is None or not serving.occupies:
        return free
    return max(free, min(free + serving.record.need_bytes, serving.record.free_bytes_before))


def _wanted_context(budget: Budget) -> int:
    return budget.request.context_tokens or int(budget.limits["default_context_tokens"].value)


def _least_context(budget: Budget) -> int:
    """What the context may be reduced to: not at all when the user named one."""
    return budget.request.context_tokens or int(budget.limits["least_context_tokens"].value)


def _roofline(catalog: Catalog, facts: HostFacts, size: ModelSize) -> float | None:
    return roofline(catalog.boards.get(facts.board.id or ""), facts.board.super_mode, size)


def _reason(budget: Budget, context: int, rejected: list[RejectedModel]) -> str:
    text = "the largest size that fits and is fast enough" if rejected else "the largest size there is"
    if context < _wanted_context(budget):
        text += f", with the context reduced from {_wanted_context(budget)} to {context}"
    return text


def _kept(catalog: Catalog, serving: Instance) -> tuple[ModelFamily, str] | None:
    """What serves, or None when the catalog no longer knows it."""
    name, _, tag = serving.record.model.partition(":")
    family = catalog.models.get(name)
    return (family, tag) if family is not None and tag in family.sizes else None


def _find(catalog: Catalog, text: str) -> tuple[ModelFamily, str]:
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


def check_wanted(catalog: Catalog, request: Wanted, server: Server) -> None:
    """Refuse what no host could serve: UsageError for a model, context, parallelism or KV type that is not known."""
    sizes = catalog.models[DEFAULT_FAMILY].sizes.values()
    longest = max((size.context_length for size in sizes if size.automatic), default=1 << 20)
    if request.model is not None:
        family, tag = _find(catalog, request.model)
        longest = family.sizes[tag].context_length
    if request.kv_cache_type not in server.kv_cache_types:
        raise UsageError(
            f"KV cache type {request.kv_cache_type!r} is unknown",
            hint=f"one of {', '.join(server.kv_cache_types)}",
            code="bad-kv-cache-type",
        )
    for name, value, low, high in (
        ("--context", request.context_tokens, 256, longest),
        ("--parallel", request.parallel, 1, 64),
    ):
        if value is not None and not low <= value <= high:
            source = request.sources.get(name.strip("-"), name)
            said = f"{name} {value}" if source == name else f"{name.strip('-')} {value} ({source})"
            raise UsageError(f"{said} is out of range", hint=f"give {low} to {high}", code="out-of-range")


def _smaller(budget: Budget, family: ModelFamily, size: ModelSize, image: ImageChoice, name: str) -> str:
    limit = _context_limit(budget, size, image)
    if budget.request.context_tokens and limit >= int(budget.limits["least_context_tokens"].value):
        return f"a context of {limit} would fit: --context {limit}"
    for tag, other in sorted(family.sizes.items(), key=lambda kv: -kv[1].parameters):
        smaller = other.automatic and f"{family.family}:{tag}" != name and other.parameters < size.parameters
        if smaller and isinstance(_fitting_context(budget, other, image), int):
            return f"{family.family}:{tag} would fit; or free memory (stop the desktop, other containers)"
    return "free memory: stop the desktop (systemctl isolate multi-user.target) and other containers"


def _none_fits(rejected: list[RejectedModel], budget: Budget) -> JetsonDeployError:
    smallest = min(rejected, key=lambda r: r.need_bytes)
    return ResourceError(
        f"no DeepSeek-R1 size fits this device: {smallest.name} {smallest.reason}",
        hint="free memory: stop the desktop (systemctl isolate multi-user.target) and other containers; "
        f"{size_text(smallest.need_bytes)} and a reserve of "
        f"{size_text(int(budget.limits['host_reserve_bytes'].value))} are needed",
        code="no-model-fits",
        details=tuple(f"{r.name}: {r.reason}" for r in rejected),
    )
