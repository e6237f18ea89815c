"""What of a model takes memory, how it is served, and what comes of both. Sizes in bytes."""

from __future__ import annotations

import msgspec


class Footprint(msgspec.Struct, frozen=True, kw_only=True):
    """Of a model. What is 0 by default is not known or not there; each 0 makes the account larger, never smaller."""

    file_bytes: int
    """With projector and adapters, which are loaded beside it."""
    kv_bytes_per_token_f16: int
    """Of the layers that keep the whole context."""
    embedding_length: int
    vocabulary: int
    architecture: str = ""
    heads: int = 0
    attention_width: int = 0
    """Of all heads together."""
    feed_forward_length: int = 0
    window_tokens: int = 0
    """What the other layers look back."""
    window_kv_bytes_per_token_f16: int = 0
    latent_value_bytes_per_token_f16: int = 0
    """Of `kv_bytes_per_token_f16`: values that newer servers read out of the keys (MLA)."""
    state_bytes: int = 0
    """Of recurrent layers, for each request at once."""
    tied_embedding_bytes: int = 0
    """Of an embedding that is the output matrix too: on a GPU it is held twice."""
    has_vision: bool = False


class Load(msgspec.Struct, frozen=True, kw_only=True):
    """How a model is served."""

    context_tokens: int
    parallel: int = 1
    kv_cache_type: str = "f16"
    version: str | None = None
    """Of the server; None: not known, then the largest account of those that it may be counts."""
    compute_capability: str | None = None
    only_cpu: bool = False
    """It is known to run there: nothing of a GPU is counted."""
    may_use_cpu: bool = False
    """A server on the CPU is accepted: the larger account of both counts."""
    free_bytes: int | None = None
    """That the server sees; None: plenty."""

    @property
    def tokens(self) -> int:
        return self.context_tokens * self.parallel


class Taken(msgspec.Struct, frozen=True, kw_only=True):
    """What a server takes beside the file."""

    kv_cache: int
    graph: int
    second_embedding: int = 0
    bounds: tuple[str, ...] = ()
    """Why it may take less than this: each a part of a sentence."""
