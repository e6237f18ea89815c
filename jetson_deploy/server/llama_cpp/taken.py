"""The memory that a llama-server takes for a model beside its file. Found from real servers (docs/benchmarks.md)."""

from __future__ import annotations

import msgspec

from jetson_deploy.server import llama_server
from jetson_deploy.server.footprint import Footprint, Load, Taken
from jetson_deploy.server.llama_cpp.command import slot_tokens


def taken(model: Footprint, load: Load, batch: int) -> Taken:
    load = msgspec.structs.replace(load, context_tokens=slot_tokens(load.context_tokens))
    return Taken(
        kv_cache=llama_server.kv_cache(model, load, batch),
        graph=llama_server.graph(model, load, min(batch, load.tokens), flash=True),
        # On a CPU it reads the embedding where it lies.
        second_embedding=0 if load.only_cpu else model.tied_embedding_bytes,
        bounds=("it may run on the CPU",) if load.may_use_cpu else (),
    )
