"""Choose the model: the largest size that fits the memory, is fast enough to use and has an image."""

from __future__ import annotations

from jetson_deploy.catalog.catalog import Catalog
from jetson_deploy.catalog.entries import ModelFamily, ModelSize
from jetson_deploy.catalog.version import parse_version
from jetson_deploy.deployment.instance import Instance
from jetson_deploy.deployment.plan import ImageChoice, ModelChoice, RejectedModel
from jetson_deploy.deployment.request import Wanted
from jetson_deploy.errors import JetsonDeployError, PreflightError, ResourceError, UsageError
from jetson_deploy.facts import HostFacts
from jetson_deploy.plan.budget import (
    Budget,
    budget_of,
    context_limit,
    fitting_context,
    least_context,
    wanted_context,
)
from jetson_deploy.plan.image import choose_image
from jetson_deploy.plan.memory import PROMPT_CACHE
from jetson_deploy.plan.speed import predict, roofline
from jetson_deploy.plan.wanted_model import DEFAULT_FAMILY, find_model, kept_model
from jetson_deploy.server.port import Server
from jetson_deploy.units import size_text


def choose_model(
    catalog: Catalog, facts: HostFacts, request: Wanted, serving: Instance | None, server: Server
) -> tuple[ModelChoice, ImageChoice]:
    """The model, and the image that can serve it.

    A deployment that serves keeps its model unless another is asked for by name.
    Raises ResourceError with need and have, UsageError for an unknown name, PreflightError when no image
    can serve.
    """
    if request.model is not None:
        return _named(
            catalog, facts, request, *find_model(catalog, request.model), serving, server, "asked for by name"
        )
    if serving is not None and (kept := kept_model(catalog, serving)):
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
    budget = budget_of(catalog, facts, request, serving, server)
    rejected: list[RejectedModel] = []
    for tag, size in candidates:
        found = _try(catalog, facts, budget, size)
        if isinstance(found, str):
            need = sum(budget.terms(size, least_context(budget)).values())
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
    context = fitting_context(budget, size, image)
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
    budget = budget_of(catalog, facts, request, serving, server)
    if serving is not None and serving.same_model(name, request):
        # It serves: the memory question has been answered by the board itself.
        return _choice(catalog, facts, budget, family, tag, serving.record.context_tokens, image, reason, []), image
    context = fitting_context(budget, size, image)
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
    cache = budget.prompt_cache(need, image)
    if cache is not None:
        terms[PROMPT_CACHE], need = cache, need + cache
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
        context_limit_tokens=max(context, context_limit(budget, size, image)),
        parallel=request.parallel,
        kv_cache_type=request.kv_cache_type,
        need_bytes=need,
        available_bytes=budget.available_bytes,
        terms=terms,
        predicted_tokens_per_second=predict(_roofline(catalog, facts, size), budget.limits),
        rejected=tuple(rejected),
    )


def _roofline(catalog: Catalog, facts: HostFacts, size: ModelSize) -> float | None:
    return roofline(catalog.boards.get(facts.board.id or ""), facts.board.super_mode, size)


def _reason(budget: Budget, context: int, rejected: list[RejectedModel]) -> str:
    text = "the largest size that fits and is fast enough" if rejected else "the largest size there is"
    if context < wanted_context(budget):
        text += f", with the context reduced from {wanted_context(budget)} to {context}"
    return text


def _smaller(budget: Budget, family: ModelFamily, size: ModelSize, image: ImageChoice, name: str) -> str:
    limit = context_limit(budget, size, image)
    if budget.request.context_tokens and limit >= int(budget.limits["least_context_tokens"].value):
        return f"a context of {limit} would fit: --context {limit}"
    for tag, other in sorted(family.sizes.items(), key=lambda kv: -kv[1].parameters):
        smaller = other.automatic and f"{family.family}:{tag}" != name and other.parameters < size.parameters
        if smaller and isinstance(fitting_context(budget, other, image), int):
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
