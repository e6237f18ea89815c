"""What the header of a GGUF file says, as a budget needs to know it."""

from __future__ import annotations

from jetson_deploy.plan.fits import Shape
from jetson_deploy.plan.layers import kept_by_layers
from jetson_deploy.store.gguf.header import GgufHeader


def shape_of(header: GgufHeader, file_bytes: int) -> Shape | str:
    """Or in words why it is not known."""
    heads, kv_heads = header.head_count, _first(header.head_count_kv, header.head_count)
    key = _first(header.key_length, _per_head(header.embedding_length, heads))
    needed = {
        "block_count": header.block_count,
        "attention.head_count_kv": kv_heads,
        "attention.key_length": key,
        "embedding_length": header.embedding_length,
        "vocabulary": header.vocabulary_size,
        "context_length": header.context_length,
    }
    unknown = [name for name, value in needed.items() if value is None]
    if unknown:
        return f"its header does not say: {', '.join(unknown)}"
    return _whole_shape(header, file_bytes, kv_heads or 0, key or 0)


def _whole_shape(header: GgufHeader, file_bytes: int, kv_heads: int, key: int) -> Shape:
    value = _first(header.value_length, key) or 0
    experts = (header.expert_feed_forward_length or 0) * (header.expert_used_count or 0)
    return Shape(
        file_bytes=file_bytes,
        layers=header.block_count or 0,
        kv_heads=kv_heads,
        key_length=key,
        value_length=value,
        embedding_length=header.embedding_length or 0,
        vocabulary=header.vocabulary_size or 0,
        context_length=header.context_length or 0,
        heads=header.head_count or 0,
        feed_forward_length=max(header.feed_forward_length or 0, experts),
        architecture=header.architecture or "",
        kept=kept_by_layers(header, kv_heads, key, value),
        window_tokens=header.sliding_window or 0,
        tied_embedding_bytes=header.tied_embedding_bytes,
        has_vision=bool(header.vision_blocks),
    )


def _first(said: int | None, by_default: int | None) -> int | None:
    """As ggml/docs/gguf.md: head_count_kv is head_count, lengths are those of one head, where a file is silent."""
    return by_default if said is None else said


def _per_head(embedding_length: int | None, heads: int | None) -> int | None:
    return embedding_length // heads if embedding_length is not None and heads else None
