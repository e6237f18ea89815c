"""Memory that a model needs on a board whose GPU shares the system's memory.

`need` is ours: the whole file (on unified memory the host-side tensors are the same DRAM), the KV cache, the compute
graph of one batch and the CUDA runtime. What the server takes beside the file it says itself (`Server.taken`). A server
may reckon for itself too (`Server.own_estimate`) before it decides how many layers go to the GPU: when that exceeds the
free memory it keeps layers on the CPU although they would fit, so both must pass. Source: `profiles/limits.yaml`.
"""

from __future__ import annotations

from collections.abc import Mapping

from jetson_deploy.catalog.entries import Constant, ModelSize
from jetson_deploy.server.footprint import Footprint, Taken

PROMPT_CACHE = "prompt_cache"
"""Term: what is left for prompts that the server keeps beside those at work. Never a reason not to fit."""


class StoredSize(ModelSize, frozen=True, kw_only=True):
    """Of a model that no catalog lists: made of the header of its file in the store."""

    own: Footprint
    architecture_known: bool
    bounded: str = ""
    """Why the need may be less, as the header has it; empty: it is no upper bound."""


def footprint(size: ModelSize) -> Footprint:
    if isinstance(size, StoredSize):
        return size.own
    return Footprint(
        file_bytes=size.model_layer.size or size.download_bytes,
        kv_bytes_per_token_f16=size.kv_bytes_per_token_f16,
        embedding_length=size.embedding_length,
        vocabulary=size.vocabulary,
        architecture=size.architecture,
        heads=size.heads,
        attention_width=size.heads * size.head_dim,
        feed_forward_length=size.feed_forward_length,
    )


def need_terms(model: Footprint, taken: Taken, limits: Mapping[str, Constant]) -> dict[str, int]:
    """The terms whose sum is the need, in bytes."""
    terms = {
        "model_file": model.file_bytes,
        "kv_cache": taken.kv_cache,
        "graph": taken.graph,
        "runtime": int(limits["cuda_reserve_bytes"].value),
    }
    if taken.second_embedding:
        terms["second_embedding"] = taken.second_embedding
    return terms
