"""The prompts that llama-server keeps in host memory beside those in its slots: up to 8 GiB unless it is bounded.

Every model runs in llama-server from Ollama 0.30 on. Ollama passes no flag of it and counts none of it, and hands its
environment on.
"""

from __future__ import annotations

import re

CACHE = "LLAMA_ARG_CACHE_RAM"
CHECKPOINTS = "LLAMA_ARG_CTX_CHECKPOINTS"
BOUNDS = (CACHE, CHECKPOINTS)
_FIRST = (0, 30)
_BYTES_PER_CHECKPOINT = 16 << 20
_MOST_CHECKPOINTS = 32
"""Its own default."""


def runs_llama_server(version: str | None) -> bool | None:
    """None: a version that is not known; a server that was built by hand says 0.0.0."""
    match = re.match(r"v?(\d{1,4})\.(\d{1,4})", version or "")
    release = (int(match[1]), int(match[2])) if match else (0, 0)
    return None if release == (0, 0) else release >= _FIRST


def keeps_prompts(version: str | None) -> bool:
    return runs_llama_server(version) is not False


def prompt_bounds(cache_bytes: int) -> dict[str, str]:
    """Checkpoints are copies of a window's or a recurrent layer's part; a model with neither makes none."""
    checkpoints = min(_MOST_CHECKPOINTS, cache_bytes // _BYTES_PER_CHECKPOINT)
    return {CACHE: str(cache_bytes >> 20), CHECKPOINTS: str(checkpoints)}
