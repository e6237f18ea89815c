"""The KV cache of Ollama's three engines. Measured: docs/benchmarks.md."""

from __future__ import annotations

from jetson_deploy.server.footprint import Footprint, Load

BYTES_PER_ELEMENT = {"f16": 2.0, "q8_0": 34 / 32, "q4_0": 18 / 32}
_CELLS = 256
"""llama-server's windows are whole multiples of it."""


def llama_cache(model: Footprint, load: Load, kind: str) -> int:
    """The old runner keeps the whole context in every layer."""
    per_token = model.kv_bytes_per_token_f16 + model.window_kv_bytes_per_token_f16
    return _quantized(load.tokens * per_token, kind) + load.parallel * model.state_bytes


def own_engine_cache(model: Footprint, load: Load, kind: str, batch: int) -> int:
    """Ollama's own engine: one window for each request, and one batch for all (kvcache/causal.go)."""
    cells = min(load.tokens, load.parallel * model.window_tokens + batch)
    whole = load.tokens * model.kv_bytes_per_token_f16
    return _quantized(whole + cells * model.window_kv_bytes_per_token_f16, kind) + load.parallel * model.state_bytes


def llama_server_cache(model: Footprint, load: Load, batch: int) -> int:
    """One window and one batch for each request; of MLA the keys alone."""
    cells = min(load.context_tokens, -(-(model.window_tokens + batch) // _CELLS) * _CELLS)
    per_token = model.kv_bytes_per_token_f16 - model.latent_value_bytes_per_token_f16
    windows = load.parallel * cells * model.window_kv_bytes_per_token_f16
    return _quantized(load.tokens * per_token + windows, load.kv_cache_type) + load.parallel * model.state_bytes


def _quantized(f16_bytes: int, kind: str) -> int:
    return int(f16_bytes * BYTES_PER_ELEMENT[kind] / 2)
