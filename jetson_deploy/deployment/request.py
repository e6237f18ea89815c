"""What the user asked for; `settle.py` fills the gaps."""

from __future__ import annotations

import msgspec

from jetson_deploy.deployment.watch_options import WatchWishes
from jetson_deploy.settings import STABILITY_SECONDS


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
