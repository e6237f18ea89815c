"""What a server is to serve, and what its container then needs. Sizes in bytes, times in seconds."""

from __future__ import annotations

from typing import Any

import msgspec

from jetson_deploy.endpoint import Endpoint
from jetson_deploy.server_kinds import NO_SPECULATION
from jetson_deploy.spec import HealthCheck, MountSpec


class Workload(msgspec.Struct, frozen=True, kw_only=True):
    """What a server is to serve, and where."""

    endpoint: Endpoint
    store: str
    """Directory of the models on the host."""
    model: str = ""
    """Its name, as clients ask for it."""
    weights: str | None = None
    """`sha256:…` of the file of its weights; None: not known before it is staged."""
    template: str | None = None
    """`sha256:…` of its chat template; None: not known."""
    parameters: str = ""
    """`sha256:…` of its stop words and sampling; empty: it has none."""
    prefill_tokens_per_second: float | None = None
    """Predicted; None: not known."""
    manifest_digest: str | None
    """Of the one model; None: not known yet."""
    context_tokens: int
    """Of one request."""
    parallel: int
    kv_cache_type: str
    version: str | None = None
    """Of the server in the image; None: not known."""
    compute_capability: str | None = None
    """Of the GPU, as `8.7`."""
    prompt_cache_bytes: int = 0
    """What the plan leaves for prompts that a server keeps beside those at work."""
    speculation: str = NO_SPECULATION
    """What was asked for: one of `Server.speculations`, or off."""
    speculating: bool = False
    """Whether that is on. First it is off, then on: what the proof finds slower is turned off again."""
    reserve_bytes: int = 0
    """What the plan keeps free for the host."""
    options: dict[str, Any] = {}
    """By key, those that the server alone reads: the rows of `deployment/options.py` that say `of_server`."""


class Layers(msgspec.Struct, frozen=True, kw_only=True):
    """Files of a model by their digests, `sha256:…`; None: not known, the model is not here."""

    weights: str | None = None
    template: str | None = None
    """Empty: it has none."""
    parameters: str = ""
    """Stop words and sampling; empty: it has none."""


class Setup(msgspec.Struct, frozen=True, kw_only=True):
    """What a server's container needs, whatever the host."""

    entrypoint: tuple[str, ...]
    command: tuple[str, ...]
    home: str
    """A directory that the server may write to; it is in memory, and empty at each start."""
    environment: dict[str, str]
    mounts: tuple[MountSpec, ...]
    health: HealthCheck
