"""The memory of a llama-server beside the file, whoever starts it: an Ollama from 0.30 on, or a deployment of its own.

Measured: docs/benchmarks.md.
"""

from __future__ import annotations

from jetson_deploy.server.footprint import Footprint, Load

_BYTES_PER_ELEMENT = {"f16": 2.0, "q8_0": 34 / 32, "q4_0": 18 / 32}
_CELLS = 256
"""Windows are whole multiples of it."""
_F32 = 4


def kv_cache(model: Footprint, load: Load, batch: int) -> int:
    """One window and one batch for each request; of MLA the keys alone."""
    cells = min(load.context_tokens, -(-(model.window_tokens + batch) // _CELLS) * _CELLS)
    per_token = model.kv_bytes_per_token_f16 - model.latent_value_bytes_per_token_f16
    windows = load.parallel * cells * model.window_kv_bytes_per_token_f16
    return quantized(load.tokens * per_token + windows, load.kv_cache_type) + load.parallel * model.state_bytes


def graph(model: Footprint, load: Load, batch: int, *, flash: bool) -> int:
    """Of one request's context: each has its own cache. One row of logits for each."""
    seen = load.context_tokens
    window = min(seen, model.window_tokens + batch) if model.window_kv_bytes_per_token_f16 else 0
    if flash:
        width = 3 * model.feed_forward_length + 5 * model.embedding_length + (seen + window) // 2
    else:
        width = plain_width(model) + seen + window + model.heads * seen
    return _F32 * (batch * width + load.parallel * model.vocabulary)


def quantized(f16_bytes: int, kind: str) -> int:
    """Of a KV cache, as llama.cpp packs it."""
    return int(f16_bytes * _BYTES_PER_ELEMENT[kind] / 2)


def plain_width(model: Footprint) -> int:
    """Of what lives at once without flash attention, the scores not counted."""
    return 4 * max(model.embedding_length, model.attention_width) + model.feed_forward_length
