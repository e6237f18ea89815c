"""The memory estimate of a server up to 0.12.3, by which it decides how many layers go to the GPU.

When that exceeds the free memory it keeps layers on the CPU although they would fit; newer servers measure instead
(docs/ollama-behaviour.md). Source: the formulas in Ollama's llm/memory.go (0.5.7 to 0.12.3).
"""

from __future__ import annotations

from collections.abc import Mapping

from jetson_deploy.catalog.entries import Constant, ModelSize

KV_BYTES = {"f16": 2.0, "q8_0": 1.0, "q4_0": 0.5}
"""Per element (fs/ggml/ggml.go kvCacheBytesPerElement)."""


def ollama_estimate(
    size: ModelSize, context: int, parallel: int, kv_cache_type: str, limits: Mapping[str, Constant]
) -> int | None:
    """Bytes that a server up to 0.12.3 wants free before it puts every layer on the GPU.

    None where the catalog has no tensor sizes, or the server has no formula for the architecture.
    The one spare layer it adds is taken as the mean layer (the catalog has no per-layer sizes):
    within 1 % of the recorded estimates.
    """
    if size.gpu_weight_bytes is None or size.architecture == "deepseek2":
        return None
    tokens = context * parallel
    kv = int(size.kv_bytes_per_token_f16 * tokens * KV_BYTES[kv_cache_type] / 2)
    layer = (size.gpu_weight_bytes - _output_bytes(size)) // size.layers + kv // size.layers
    runtime = int(limits["cuda_reserve_bytes"].value)
    return size.gpu_weight_bytes + layer + kv + _estimated_graph(size, tokens, kv) + runtime


def _output_bytes(size: ModelSize) -> int:
    """The output tensor is Q6_K (210 bytes per 256 weights) in Q4_K_M files."""
    return size.embedding_length * size.vocabulary * 210 // 256


def _estimated_graph(size: ModelSize, tokens: int, kv: int) -> int:
    batch = min(512, tokens)
    embedding, heads = size.embedding_length, size.heads
    logits = 4 * batch * (embedding + size.vocabulary)
    if size.architecture == "qwen2":
        return max(logits, 4 * batch * (1 + 2 * embedding + tokens + tokens * heads))
    if size.architecture == "llama":
        return max(4 * batch * (1 + 4 * embedding + tokens * (1 + heads)), logits)
    return heads // size.kv_heads * kv // 6  # qwen3: no case of its own in the server
