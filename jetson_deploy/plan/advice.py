"""What a refusal for memory advises: what would fit, or what has to be freed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from jetson_deploy.catalog.entries import ModelFamily, ModelSize
from jetson_deploy.deployment.plan import ImageChoice, RejectedModel
from jetson_deploy.errors import JetsonDeployError, ResourceError
from jetson_deploy.plan.budget import Budget, context_limit, fitting_context
from jetson_deploy.units import size_text


def what_would_fit(budget: Budget, family: ModelFamily, size: ModelSize, image: ImageChoice) -> str:
    limit = context_limit(budget, size, image)
    if budget.request.context_tokens and limit >= int(budget.limits["least_context_tokens"].value):
        return f"a context of {limit} would fit: --context {limit}"
    for name, other in _lesser(family, size):
        if isinstance(fitting_context(budget, other, image), int):
            return f"{name} would fit; or free memory (stop the desktop, other containers)"
    return "free memory: stop the desktop (systemctl isolate multi-user.target) and other containers"


def _lesser(family: ModelFamily, size: ModelSize) -> Iterator[tuple[str, ModelSize]]:
    """The same size in fewer bytes first, then fewer parameters."""
    for tag, other in sorted(family.sizes.items(), key=lambda kv: (-kv[1].parameters, -kv[1].download_bytes)):
        same = other.parameters == size.parameters and other.download_bytes < size.download_bytes
        if same or (other.automatic and other.parameters < size.parameters):
            yield f"{family.family}:{tag}", other


def none_fits(rejected: Sequence[RejectedModel], budget: Budget) -> JetsonDeployError:
    smallest = min(rejected, key=lambda r: r.need_bytes)
    return ResourceError(
        f"no DeepSeek-R1 size fits this device: {smallest.name} {smallest.reason}",
        hint="free memory: stop the desktop (systemctl isolate multi-user.target) and other containers; "
        f"{size_text(smallest.need_bytes)} and a reserve of "
        f"{size_text(int(budget.limits['host_reserve_bytes'].value))} are needed",
        code="no-model-fits",
        details=tuple(f"{r.name}: {r.reason}" for r in rejected),
    )
