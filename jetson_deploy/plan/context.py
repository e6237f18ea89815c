"""How much context a size is given: the usual, less where only less fits, more while memory is idle."""

from __future__ import annotations

import msgspec

from jetson_deploy.catalog.entries import ModelSize
from jetson_deploy.deployment.plan import ImageChoice, Speed
from jetson_deploy.plan.budget import Budget, fitting_context, wanted_context
from jetson_deploy.plan.speed import SHORT_TALK_TOKENS, Pace, predict


def bytes_per_token(budget: Budget, size: ModelSize, image: ImageChoice, context: int) -> float | None:
    """Read for each token by one user: the weights, and the KV cache of so much context."""
    if not size.gpu_weight_bytes:
        return None
    return size.gpu_weight_bytes + budget.terms(size, context, image)["kv_cache"] / budget.request.parallel


def speeds(
    budget: Budget, size: ModelSize, image: ImageChoice, context: int, pace: Pace | None
) -> tuple[Speed | None, Speed | None]:
    """Of a short talk, and with the whole context in use."""
    short, full = (
        predict(pace, bytes_per_token(budget, size, image, tokens), budget.limits)
        for tokens in (min(context, SHORT_TALK_TOKENS), context)
    )
    return short, full


def usable(budget: Budget, speed: Speed | None) -> bool:
    """The middle of the range is fast enough to be chosen unasked; so is what cannot be predicted."""
    return speed is None or speed.middle >= budget.limits["usable_tokens_per_second"].value


def grown(budget: Budget, size: ModelSize, image: ImageChoice, context: int, pace: Pace | None) -> int:
    """The context doubled while memory stays idle and the model fast enough. Nothing is known of a CPU's speed."""
    limits, request = budget.limits, budget.request
    if request.context_tokens is not None or request.accept_cpu or context < wanted_context(budget):
        return context
    usual = budget.terms(size, context, image)["kv_cache"]
    while context * 2 <= limits["largest_default_context_tokens"].value:
        terms = budget.terms(size, context * 2, image)
        idle = budget.available_bytes - sum(terms.values())
        added = terms["kv_cache"] - usual
        if budget.shortfall(size, context * 2, image) or added > idle * limits["idle_share_for_context"].value:
            return context
        if not usable(budget, speeds(budget, size, image, context * 2, pace)[1]):
            return context
        context *= 2
    return context


def with_a_smaller_cache(budget: Budget, size: ModelSize, image: ImageChoice) -> Budget | None:
    """The budget with which q8_0 keeps the usual context; None: it does not."""
    smaller = msgspec.structs.replace(budget, request=msgspec.structs.replace(budget.request, kv_cache_type="q8_0"))
    found = fitting_context(smaller, size, image)
    return smaller if found == wanted_context(budget) else None
