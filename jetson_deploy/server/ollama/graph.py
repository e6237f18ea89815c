"""The compute graph of Ollama's two old engines: the buffers of one batch; and the batch. All in f32 unless said.

`server/llama_server.py` has the third's.

Without flash attention the scores of every head over the whole context stand in it. Widths of what else lives at once
were found from real servers (docs/benchmarks.md); before Ollama 0.30 with flash attention they are inferred.
"""

from __future__ import annotations

from jetson_deploy.server.footprint import Footprint, Load
from jetson_deploy.server.llama_server import plain_width

_F32 = 4
USUAL_BATCH = 512


def logits(model: Footprint, batch: int) -> int:
    """Ollama up to 0.24 keeps them for every token of a batch."""
    return _F32 * batch * (model.embedding_length + model.vocabulary)


def attention(model: Footprint, batch: int, tokens: int, *, flash: bool) -> int:
    """Of the old runner, where a mask of f32, and with flash attention its f16 copy, spans the context of all."""
    scores = tokens // 2 if flash else tokens * model.heads
    return _F32 * batch * (plain_width(model) + tokens + scores)


def own_engine(model: Footprint, batch: int, tokens: int, *, flash: bool) -> int:
    scores = tokens + tokens // 2 if flash else tokens * model.heads
    return _F32 * batch * (2 * model.embedding_length + model.feed_forward_length + scores)


def batch_of(load: Load, predicted: int, *, flash: bool, grows: bool) -> int:
    """`grows`: Ollama 0.31 and newer takes a larger batch where the context of all is long and much memory is free.

    (server/sched.go of 0.31.2 and 0.34.0; its own surcharge for the larger batches is 768 MiB and 2 GiB.)
    """
    if not grows or not flash or load.tokens <= 4096:
        return min(USUAL_BATCH, load.tokens)
    for batch, above, surcharge, percent in ((2048, 32_768, 2 << 30, 60), (1024, 4096, 768 << 20, 75)):
        if load.tokens > above and _has_room(predicted, surcharge, percent, load.free_bytes):
            return batch
    return USUAL_BATCH


def _has_room(predicted: int, surcharge: int, percent: int, free: int | None) -> bool:
    return free is None or (predicted <= free * percent // 100 and predicted + surcharge <= free * 80 // 100)
