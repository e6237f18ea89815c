"""The KV cache of Ollama's two old engines; `server/llama_server.py` has the third's. Measured: docs/benchmarks.md."""

from __future__ import annotations

from jetson_deploy.server.footprint import Footprint, Load
from jetson_deploy.server.llama_server import quantized


def llama_cache(model: Footprint, load: Load, kind: str) -> int:
    """The old runner keeps the whole context in every layer."""
    per_token = model.kv_bytes_per_token_f16 + model.window_kv_bytes_per_token_f16
    return quantized(load.tokens * per_token, kind) + load.parallel * model.state_bytes


def own_engine_cache(model: Footprint, load: Load, kind: str, batch: int) -> int:
    """Ollama's own engine: one window for each request, and one batch for all (kvcache/causal.go)."""
    cells = min(load.tokens, load.parallel * model.window_tokens + batch)
    whole = load.tokens * model.kv_bytes_per_token_f16
    return quantized(whole + cells * model.window_kv_bytes_per_token_f16, kind) + load.parallel * model.state_bytes
