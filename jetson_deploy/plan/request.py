"""What the user asked for."""

from __future__ import annotations

import msgspec


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """Flags (later: jetson-deploy.yaml). None means: choose for me."""

    name: str = "default"
    """Deployment."""
    model: str | None = None
    """Ollama model name, e.g. `deepseek-r1:7b`; `7b` alone is understood."""
    context_tokens: int | None = None
    kv_cache_type: str = "f16"
    parallel: int = 1
    image_policy: str = "dustynv"
    """`dustynv`, `secure` or an image reference."""
    accept_cpu: bool = False
    """Serve on the CPU if the GPU is not used. Recorded, and shown by every verb."""
    port: int = 11434
    registry: str = "https://registry.ollama.ai"
    image_registry: str | None = None
    force: bool = False
    """Replace a deployment even when nothing differs."""
