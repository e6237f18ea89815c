"""What the user asked for, and what that means once the running deployment and the defaults fill the gaps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from jetson_deploy.deployment.watch_options import WatchWishes
from jetson_deploy.settings import OLLAMA_PORT, STABILITY_SECONDS

if TYPE_CHECKING:
    from jetson_deploy.deployment.instance import Serving


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """Flags, variables and the file. None means: keep what is deployed, else choose for me."""

    name: str = "default"
    """Deployment."""
    model: str | None = None
    """Ollama model name, e.g. `deepseek-r1:7b`; `7b` alone is understood."""
    context_tokens: int | None = None
    kv_cache_type: str | None = None
    parallel: int | None = None
    image_policy: str | None = None
    """`dustynv`, `secure` or an image reference."""
    accept_cpu: bool | None = None
    """Serve on the CPU if the GPU is not used. Recorded, and shown by every verb."""
    port: int | None = None
    registry: str = "https://registry.ollama.ai"
    image_registry: str | None = None
    simulated: str | None = None
    """A rehearsal's words for what is not real."""
    force: bool = False
    """Replace the deployment even when nothing differs, and try again what failed before."""
    stability_seconds: float = STABILITY_SECONDS
    """So long a proven server is watched before the old one is let go."""
    min_gpu_share: float | None = None
    """Gate; None: the catalog's."""
    min_tokens_per_second: float | None = None
    """Gate; None: what the prediction demands."""
    watch: WatchWishes | None = None
    """None: nothing was said about the watcher."""
    sources: dict[str, str] = {}
    """Key → where it was said, of what is not None."""


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """The request with every gap filled that does not need a decision."""

    name: str
    model: str | None
    context_tokens: int | None
    kv_cache_type: str
    parallel: int
    image_policy: str
    accept_cpu: bool
    port: int
    registry: str
    image_registry: str | None
    simulated: str | None
    force: bool
    stability_seconds: float
    min_gpu_share: float | None
    min_tokens_per_second: float | None
    sources: dict[str, str]


def _first(asked: int | None, deployed: int | None, default: int) -> int:
    """Zero is an answer too: a wrong one, to be refused."""
    return next(value for value in (asked, deployed, default) if value is not None)


def _gate(asked: float | None, deployed: float | None) -> float | None:
    return deployed if asked is None else asked


def settle(request: Request, serving: Serving | None) -> Wanted:
    """Flag, else what is deployed, else the default."""
    return Wanted(
        name=request.name,
        model=request.model,
        context_tokens=request.context_tokens,
        kv_cache_type=request.kv_cache_type or (serving.kv_cache_type if serving else "f16"),
        parallel=_first(request.parallel, serving.parallel if serving and serving.parallel else None, 1),
        image_policy=request.image_policy or (serving.image_policy if serving else "dustynv"),
        accept_cpu=(serving.accept_cpu if serving else False) if request.accept_cpu is None else request.accept_cpu,
        port=_first(request.port, serving.port if serving and serving.port else None, OLLAMA_PORT),
        registry=request.registry,
        image_registry=request.image_registry,
        simulated=request.simulated,
        force=request.force,
        stability_seconds=request.stability_seconds,
        min_gpu_share=_gate(request.min_gpu_share, serving.asked_gpu_share if serving else None),
        min_tokens_per_second=_gate(request.min_tokens_per_second, serving.asked_floor if serving else None),
        sources=request.sources,
    )
