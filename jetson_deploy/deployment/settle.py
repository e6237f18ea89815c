"""A request whose gaps the running deployment and the defaults fill."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jetson_deploy.deployment.request import Request, Wanted
from jetson_deploy.settings import OLLAMA_PORT

if TYPE_CHECKING:
    from jetson_deploy.deployment.instance import Instance


def _first(asked: int | None, deployed: int | None, default: int) -> int:
    """Zero is an answer too: a wrong one, to be refused."""
    return next(value for value in (asked, deployed, default) if value is not None)


def _gate(asked: float | None, deployed: float | None) -> float | None:
    return deployed if asked is None else asked


def settle(request: Request, serving: Instance | None) -> Wanted:
    """Flag, else what is deployed, else the default."""
    deployed = serving.record if serving else None
    return Wanted(
        name=request.name,
        model=request.model,
        context_tokens=request.context_tokens,
        kv_cache_type=request.kv_cache_type or (deployed.kv_cache_type if deployed else "f16"),
        parallel=_first(request.parallel, (deployed.parallel or None) if deployed else None, 1),
        image_policy=request.image_policy or (deployed.image_policy if deployed else "dustynv"),
        accept_cpu=(deployed.accept_cpu if deployed else False) if request.accept_cpu is None else request.accept_cpu,
        port=_first(request.port, (deployed.port or None) if deployed else None, OLLAMA_PORT),
        registry=request.registry,
        image_registry=request.image_registry,
        simulated=request.simulated,
        force=request.force,
        stability_seconds=request.stability_seconds,
        min_gpu_share=_gate(request.min_gpu_share, deployed.asked_gpu_share if deployed else None),
        min_tokens_per_second=_gate(request.min_tokens_per_second, deployed.asked_floor if deployed else None),
        sources=request.sources,
    )
