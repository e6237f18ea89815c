"""Memory that a model needs on a board whose GPU shares the system's memory.

`need` is ours: the whole file (on unified memory the host-side tensors are the same DRAM), the KV cache,
the compute graph of one batch and the CUDA runtime. A server may reckon for itself (`Server.own_estimate`) before it
decides how many layers go to the GPU: when that exceeds the free memory it keeps layers on the CPU although they
would fit, so both must pass. Source: `profiles/limits.yaml`.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from jetson_deploy.catalog.entries import Constant, ModelSize

PROMPT_CACHE = "prompt_cache"
"""Term: what is left for prompts that the server keeps beside those at work. Never a reason not to fit."""


class Footprint(msgspec.Struct, frozen=True, kw_only=True):
    """What of a model takes memory."""

    file_bytes: int
    kv_bytes_per_token_f16: int
    embedding_length: int
    vocabulary: int


class StoredSize(ModelSize, frozen=True, kw_only=True):
    """Of a model that no catalog lists: made of the header of its file in the store."""

    own: Footprint
    architecture_known: bool


def footprint(size: ModelSize) -> Footprint:
    if isinstance(size, StoredSize):
        return size.own
    return Footprint(
        file_bytes=size.model_layer.size or size.download_bytes,
        kv_bytes_per_token_f16=size.kv_bytes_per_token_f16,
        embedding_length=size.embedding_length,
        vocabulary=size.vocabulary,
    )


def need_terms(
    model: Footprint, context: int, parallel: int, kv_cache_type: str, limits: Mapping[str, Constant]
) -> dict[str, int]:
    """The terms whose sum is the need, in bytes; the KV cache is for context x parallel tokens."""
    batch = limits["graph_batch_tokens"].value * limits["graph_bytes_per_element"].value
    per_element = limits[f"kv_bytes_per_element_{kv_cache_type}"].value
    return {
        "model_file": model.file_bytes,
        "kv_cache": int(model.kv_bytes_per_token_f16 * context * parallel * per_element / 2),
        "graph": int(batch * (model.embedding_length + model.vocabulary)),
        "runtime": int(limits["cuda_reserve_bytes"].value),
    }
