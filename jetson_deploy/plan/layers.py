"""What the layers of a model keep in the KV cache, by the header of its file: attention, windows, recurrent states."""

from __future__ import annotations

import msgspec

from jetson_deploy.store.gguf.header import GgufHeader

_WHOLE_EVERY = {"gemma2": 2, "gemma3": 6, "gemma3n": 5, "gpt-oss": 2, "gptoss": 2, "cohere2": 4, "llama4": 4}
"""Every so many layers one keeps the whole context, where the file lists no pattern (llama.cpp src/models)."""
_STATE_FLOAT = 4


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """Bytes per token in f16, of all layers together."""

    whole: int
    window: int = 0
    latent_values: int = 0
    state: int = 0
    """Bytes for each request at once, however long it is."""
    bounded: str = ""
    """Why it may be less; empty: it is not."""


def kept_by_layers(header: GgufHeader, kv_heads: int, key: int, value: int) -> Kept:
    layers = header.block_count or 0
    heads = _heads(header, kv_heads, layers)
    window = _windows(header, layers)
    per_head = 2 * (key + value)
    whole = sum(count for count, short in zip(heads, window, strict=True) if not short)
    short = sum(heads) - whole
    latent = 2 * value * whole if header.key_length_mla else 0
    unknown = header.sliding_window and not any(window) and header.architecture not in ("qwen2", "llama")
    return Kept(
        whole=whole * per_head,
        window=short * per_head,
        latent_values=latent,
        state=_state(header, heads.count(0)),
        bounded="which layers look back a window only is not known" if unknown else "",
    )


def _heads(header: GgufHeader, kv_heads: int, layers: int) -> list[int]:
    if len(header.kv_heads_by_layer) == layers:
        return list(header.kv_heads_by_layer)
    every = header.full_attention_interval or 1
    return [kv_heads if (layer + 1) % every == 0 else 0 for layer in range(layers)]


def _windows(header: GgufHeader, layers: int) -> list[bool]:
    if not header.sliding_window:
        return [False] * layers
    if len(header.window_by_layer) == layers:
        return [bool(short) for short in header.window_by_layer]
    every = _WHOLE_EVERY.get(header.architecture or "", 1)
    return [(layer + 1) % every != 0 for layer in range(layers)]


def _state(header: GgufHeader, recurrent: int) -> int:
    return recurrent * _STATE_FLOAT * (header.state_size or 0) * (header.state_inner_size or 0)
