"""The memory that a llama-server takes for a model beside its file. Found from real servers (docs/benchmarks.md)."""

from __future__ import annotations

import msgspec

from jetson_deploy.server.footprint import Footprint, Load, Taken
from jetson_deploy.server.llama_cpp.command import slot_tokens

_BYTES_PER_ELEMENT = {"f16": 2.0, "q8_0": 34 / 32, "q4_0": 18 / 32}
_CELLS = 256
"""Windows are whole multiples of it."""
_F32 = 4


def taken(model: Footprint, load: Load, batch: int) -> Taken:
    load = msgspec.structs.replace(load, context_tokens=slot_tokens(load.context_tokens))
    return Taken(
        kv_cache=_kv_cache(model, load, batch),
        graph=_graph(model, load, batch),
        # On a CPU it reads the embedding where it lies.
        second_embedding=0 if load.only_cpu else model.tied_embedding_bytes,
        bounds=("it may run on the CPU",) if load.may_use_cpu else (),
    )


def _kv_cache(model: Footprint, load: Load, batch: int) -> int:
    """One window and one batch for each slot; of MLA the keys alone."""
    cells = min(load.context_tokens, -(-(model.window_tokens + batch) // _CELLS) * _CELLS)
    per_token = model.kv_bytes_per_token_f16 - model.latent_value_bytes_per_token_f16
    windows = load.parallel * cells * model.window_kv_bytes_per_token_f16
    elements = (load.tokens * per_token + windows) / 2
    return int(elements * _BYTES_PER_ELEMENT[load.kv_cache_type]) + load.parallel * model.state_bytes


def _graph(model: Footprint, load: Load, batch: int) -> int:
    """Of one slot's context, with flash attention; one row of logits for each slot."""
    seen, rows = load.context_tokens, min(batch, load.tokens)
    window = min(seen, model.window_tokens + batch) if model.window_kv_bytes_per_token_f16 else 0
    width = 3 * model.feed_forward_length + 5 * model.embedding_length + (seen + window) // 2
    return _F32 * (rows * width + load.parallel * model.vocabulary)
