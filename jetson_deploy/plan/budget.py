"""Memory that a model may take on a host, and the context that fits it."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from jetson_deploy.catalog.catalog import Catalog
from jetson_deploy.catalog.entries import Constant, ModelSize
from jetson_deploy.deployment.instance import Instance
from jetson_deploy.deployment.plan import ImageChoice
from jetson_deploy.deployment.request import Wanted
from jetson_deploy.errors import PreflightError
from jetson_deploy.facts import HostFacts
from jetson_deploy.own_copy import own_copy
from jetson_deploy.plan.memory import footprint, need_terms
from jetson_deploy.server.footprint import Footprint, Load, Taken
from jetson_deploy.server.port import Server
from jetson_deploy.units import compared

CONTEXT_STEP = 1024


class Budget(msgspec.Struct, frozen=True, kw_only=True):
    """What the memory question is asked with."""

    limits: Mapping[str, Constant]
    free_bytes: int
    """MemAvailable, as if nothing of ours ran."""
    request: Wanted
    server: Server
    compute_capability: str | None = None

    @property
    def available_bytes(self) -> int:
        return self.free_bytes - int(self.limits["host_reserve_bytes"].value)

    def terms(self, size: ModelSize, context: int, image: ImageChoice | None = None) -> dict[str, int]:
        """Without an image: of the server that takes most."""
        return self.terms_of(footprint(size), context, image)

    def terms_of(self, model: Footprint, context: int, image: ImageChoice | None = None) -> dict[str, int]:
        return need_terms(model, self.taken(model, context, image), self.limits)

    def taken(self, model: Footprint, context: int, image: ImageChoice | None = None) -> Taken:
        load = Load(
            context_tokens=context,
            parallel=self.request.parallel,
            kv_cache_type=self.request.kv_cache_type,
            version=image.ollama_version if image else None,
            compute_capability=self.compute_capability,
            may_use_cpu=self.request.accept_cpu,
            free_bytes=self.free_bytes,
        )
        return self.server.taken(model, load)

    def prompt_cache(self, need: int, image: ImageChoice) -> int | None:
        """What `need` leaves for kept prompts, whole MiB; None: that server keeps none."""
        if not self.server.keeps_prompts(image.ollama_version):
            return None
        most = int(self.limits["prompt_cache_bytes"].value)
        return max(0, min(most, self.available_bytes - need)) >> 20 << 20

    def shortfall(self, size: ModelSize, context: int, image: ImageChoice | None) -> str | None:
        """Why the size does not fit at this context, or None."""
        if context > size.context_length:
            return f"has a context of {size.context_length} tokens at most, {context} are wanted"
        need = sum(self.terms(size, context, image).values())
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


def budget_of(catalog: Catalog, facts: HostFacts, request: Wanted, serving: Instance | None, server: Server) -> Budget:
    free = facts.memory.available_bytes
    if free is None:
        raise PreflightError(
            "the free memory of this host is unknown (MemAvailable in /proc/meminfo cannot be read)",
            hint=f"mount /proc, or capture the board again with {own_copy().script('capture-host')}",
            code="memory-unknown",
        )
    free = free_without_ours(free, serving)
    return Budget(
        limits=catalog.limits,
        free_bytes=free,
        request=request,
        server=server,
        compute_capability=facts.cuda_capability,
    )


def free_without_ours(free: int, serving: Instance | None) -> int:
    """Bytes that would be free if the deployment did not run."""
    if serving is None or not serving.occupies:
        return free
    return max(free, min(free + serving.record.need_bytes, serving.record.free_bytes_before))


def fitting_context(budget: Budget, size: ModelSize, image: ImageChoice) -> int | str:
    """The wanted context, or the largest below it that fits when the user did not insist; else the reason."""
    wanted = wanted_context(budget)
    shortfall = budget.shortfall(size, wanted, image)
    if shortfall is None:
        return wanted
    if budget.request.context_tokens is None:
        least = least_context(budget)
        for context in range(wanted - CONTEXT_STEP, least - 1, -CONTEXT_STEP):
            if budget.shortfall(size, context, image) is None:
                return context
        shortfall = budget.shortfall(size, least, image) or shortfall
    return shortfall


def context_limit(budget: Budget, size: ModelSize, image: ImageChoice) -> int:
    low, high = 0, size.context_length // CONTEXT_STEP
    while low < high:
        middle = (low + high + 1) // 2
        if budget.shortfall(size, middle * CONTEXT_STEP, image) is None:
            low = middle
        else:
            high = middle - 1
    return low * CONTEXT_STEP


def wanted_context(budget: Budget) -> int:
    return budget.request.context_tokens or int(budget.limits["default_context_tokens"].value)


def least_context(budget: Budget) -> int:
    """What the context may be reduced to: not at all when the user named one."""
    return budget.request.context_tokens or int(budget.limits["least_context_tokens"].value)
