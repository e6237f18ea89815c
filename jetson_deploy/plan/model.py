"""Choose the model: the largest size that memory and disk can take, that is fast enough and has an image."""

from __future__ import annotations

import msgspec

from jetson_deploy.catalog.catalog import Catalog
from jetson_deploy.catalog.entries import ModelFamily, ModelSize
from jetson_deploy.catalog.version import parse_version
from jetson_deploy.deployment.instance import Instance
from jetson_deploy.deployment.plan import ImageChoice, ModelChoice, RejectedModel
from jetson_deploy.deployment.request import Wanted
from jetson_deploy.errors import JetsonDeployError, ResourceError, UsageError
from jetson_deploy.facts import HostFacts
from jetson_deploy.plan.advice import none_fits, what_would_fit
from jetson_deploy.plan.budget import (
    Budget,
    budget_of,
    context_limit,
    fitting_context,
    least_context,
    wanted_context,
)
from jetson_deploy.plan.candidate import Found, Passed, Question, judged, roomier
from jetson_deploy.plan.context import bytes_per_token, grown, speeds, with_a_smaller_cache
from jetson_deploy.plan.memory import PROMPT_CACHE
from jetson_deploy.plan.room import lacking, part_of
from jetson_deploy.plan.speed import SHORT_TALK_TOKENS, gpu_floor
from jetson_deploy.plan.wanted_model import DEFAULT_FAMILY, find_model, kept_model
from jetson_deploy.server.port import Server


def choose_model(
    catalog: Catalog, facts: HostFacts, request: Wanted, serving: Instance | None, server: Server
) -> tuple[ModelChoice, ImageChoice]:
    """The model, and the image that can serve it.

    A deployment that serves keeps its model unless another is asked for by name.
    Raises ResourceError with need and have, UsageError for an unknown name, PreflightError when no image
    can serve.
    """
    question = Question(catalog=catalog, facts=facts, request=request, serving=serving, server=server, images={})
    if request.model is not None:
        return _named(question, *find_model(catalog, request.model), "asked for by name")
    if serving is not None and (kept := kept_model(catalog, serving)):
        return _named(question, *kept, "already deployed; name another to change it")
    return _largest(question, catalog.models[DEFAULT_FAMILY])


def room_for_instead(catalog: Catalog, facts: HostFacts, request: Wanted, server: Server) -> str:
    """The model that would be chosen unasked, where the disks have room for it; empty: none."""
    try:
        model, image = choose_model(catalog, facts, msgspec.structs.replace(request, model=None), None, server)
    except JetsonDeployError:
        return ""
    return "" if lacking(facts, image, part_of(model), catalog.limits) else model.name


def _largest(question: Question, family: ModelFamily) -> tuple[ModelChoice, ImageChoice]:
    candidates = _candidates(family)
    lowest = min((question.server.least_version_for(size) for _, size in candidates), key=parse_version)
    question.image(lowest)  # without any image the memory does not matter: say that first
    budget = _budget(question)
    rejected: list[RejectedModel] = []
    offered: dict[bool, str] = {}
    without_room: tuple[str, ModelSize, Found] | None = None
    for position, (name, size) in enumerate(candidates):
        found = judged(question, budget, name, size)
        cut = isinstance(found, Found) and found.context < wanted_context(budget)
        if isinstance(found, Found) and cut and (other := roomier(question, budget, size, candidates[position + 1 :])):
            text = f"fits with a context of {found.context} only, {other} keeps {wanted_context(budget)}"
            found = Passed(reason=text)
        if isinstance(found, Found):
            return _taken(question, budget, name, size, found, rejected, tuple(offered.values()))
        if found.offered:  # the largest that is too slow, and the largest that lacks room
            offered.setdefault(found.otherwise is None, found.offered)
        need = sum(budget.terms(size, least_context(budget)).values())
        rejected.append(RejectedModel(name=name, reason=found.reason, need_bytes=need))
        if found.otherwise is not None:
            without_room = name, size, found.otherwise
    if without_room is None:
        raise none_fits(rejected, budget)
    name, size, found = without_room  # preflight says what the smallest lacks
    others = [one for one in rejected if one.name != name]
    return _taken(question, budget, name, size, found, others)


def _candidates(family: ModelFamily) -> list[tuple[str, ModelSize]]:
    automatic = ((f"{family.family}:{tag}", size) for tag, size in family.sizes.items() if size.automatic)
    candidates = sorted(automatic, key=lambda named: -named[1].parameters)
    if not candidates:
        raise UsageError(
            f"the catalog offers no size of {family.family} to choose from (automatic: false on all)",
            hint="name one, e.g. 7b, or correct the catalog overlay",
            code="no-automatic-size",
        )
    return candidates


def _taken(
    question: Question,
    budget: Budget,
    name: str,
    size: ModelSize,
    found: Found,
    rejected: list[RejectedModel],
    offered: tuple[str, ...] = (),
) -> tuple[ModelChoice, ImageChoice]:
    """The largest; with a q8_0 cache where only that keeps the usual context, and nothing was said of the cache."""
    reason = "the largest size that fits and is fast enough" if rejected else "the largest size there is"
    context, image = found.context, found.image
    if context < wanted_context(budget) and _may_shrink_cache(question):
        smaller = with_a_smaller_cache(budget, size, image)
        if smaller is not None:
            budget, context = smaller, wanted_context(budget)
            reason += f", with a KV cache of {budget.request.kv_cache_type} to keep a context of {context}"
    context = grown(budget, size, image, context, question.pace)
    reason = "; ".join((reason, *offered))
    return _choice(question, budget, name, size, context, image, reason, rejected), image


def _may_shrink_cache(question: Question) -> bool:
    request, capability = question.request, question.facts.cuda_capability
    unsaid = "kv_cache_type" not in request.sources and request.kv_cache_type == "f16"
    possible = capability is not None and "q8_0" in question.server.kv_cache_types_on(capability)
    # A CPU may not heed it.
    return unsaid and possible and not request.accept_cpu and question.serving is None


def _named(question: Question, family: ModelFamily, tag: str, reason: str) -> tuple[ModelChoice, ImageChoice]:
    size, serving = family.sizes[tag], question.serving
    name = f"{family.family}:{tag}"
    image = question.image(question.server.least_version_for(size))
    budget = _budget(question)
    if serving is not None and serving.same_model(name, question.request):
        # It serves: the memory question has been answered by the board itself.
        context = serving.record.context_tokens
        return _choice(question, budget, name, size, context, image, reason, [], kept=True), image
    if (as_before := _kept_context(question, budget, name, size, image)) is not None:
        return _choice(question, budget, name, size, as_before, image, reason, [], kept=True), image
    fitting = fitting_context(budget, size, image)
    if isinstance(fitting, str):
        raise ResourceError(
            f"{name} does not fit: it {fitting}" if fitting.startswith("needs") else f"{name} does not fit: {fitting}",
            hint=what_would_fit(budget, family, size, image),
            code="model-does-not-fit",
        )
    context = grown(budget, size, image, fitting, question.pace)
    return _choice(question, budget, name, size, context, image, reason, []), image


def _kept_context(question: Question, budget: Budget, name: str, size: ModelSize, image: ImageChoice) -> int | None:
    """What the deployment has, where it is not running or another setting changes, and it still fits."""
    serving = question.serving
    if serving is None or serving.record.model != name or question.request.context_tokens is not None:
        return None
    context = serving.record.context_tokens
    return context if budget.shortfall(size, context, image) is None else None


def _budget(question: Question) -> Budget:
    return budget_of(question.catalog, question.facts, question.request, question.serving, question.server)


def _choice(
    question: Question,
    budget: Budget,
    name: str,
    size: ModelSize,
    context: int,
    image: ImageChoice,
    reason: str,
    rejected: list[RejectedModel],
    *,
    kept: bool = False,
) -> ModelChoice:
    terms = budget.terms(size, context, image)
    need = sum(terms.values())
    cache = budget.prompt_cache(need, image)
    if cache is not None:
        terms[PROMPT_CACHE], need = cache, need + cache
    terms["reserve"] = int(budget.limits["host_reserve_bytes"].value)
    estimate = budget.own_estimate(size, context)
    if estimate is not None:
        terms[budget.server.estimate_term] = estimate
    usual = wanted_context(budget)
    cut = context < usual and not kept
    if cut:
        reason += f", with the context reduced from {usual} to {context}"
    short, full = speeds(budget, size, image, context, question.pace)
    short_talk = bytes_per_token(budget, size, image, min(context, SHORT_TALK_TOKENS))
    return ModelChoice(
        name=name,
        reason=reason,
        manifest_digest=size.manifest_digest,
        download_bytes=size.download_bytes,
        context_tokens=context,
        context_limit_tokens=max(context, context_limit(budget, size, image)),
        parallel=budget.request.parallel,
        kv_cache_type=budget.request.kv_cache_type,
        need_bytes=need,
        available_bytes=budget.available_bytes,
        terms=terms,
        predicted_tokens_per_second=short,
        predicted_when_full=full,
        gpu_floor_tokens_per_second=gpu_floor(question.pace, short_talk, budget.limits),
        context_cut_from=usual if cut else None,
        rejected=tuple(rejected),
    )
