"""What is asked of a running server, and its answers. Sizes in bytes, times in seconds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

import msgspec

if TYPE_CHECKING:
    pass


class ListedModel(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    digest: str | None
    """Of the manifest: 64 hex digits, no prefix; None: the server knows files, and no manifests."""
    size: int
    """Sum of what the manifest says, not of what is on disk: being listed proves nothing."""


class RunningModel(msgspec.Struct, frozen=True, kw_only=True):
    """A model in memory. Up to Ollama 0.12 both sizes are the server's estimates."""

    name: str
    digest: str | None
    """As of `ListedModel`."""
    size_bytes: int
    gpu_bytes: int | None
    """None: the server does not say."""
    context_length: int | None
    """None before Ollama 0.10; 0.11.4 reports it uncut above the trained length."""
    family: str | None = None
    quantization: str | None = None

    @property
    def gpu_share(self) -> float | None:
        """Part of the model that is in GPU memory, 0 to 1; None: not known."""
        if self.gpu_bytes is None or self.size_bytes <= 0:
            return None
        return min(1.0, self.gpu_bytes / self.size_bytes)


class Stats(msgspec.Struct, frozen=True, kw_only=True):
    """Counters of one answer. Thinking counts as tokens."""

    tokens: int
    prompt_tokens: int | None
    eval_seconds: float | None
    load_seconds: float | None
    total_seconds: float | None
    done_reason: str
    """stop, length, load, unload; empty: the server does not say."""
    drafted_tokens: int | None = None
    """Speculated ahead of the model; None: the server does not say, or none was."""
    accepted_tokens: int | None = None
    """Of those, what the model itself would have written."""

    @property
    def tokens_per_second(self) -> float | None:
        """Decoding speed; None with fewer than two tokens (Ollama 0.24 leaves the time of one token out)."""
        if self.tokens < 2 or not self.eval_seconds:
            return None
        return self.tokens / self.eval_seconds


class Generation(Stats, frozen=True, kw_only=True):
    """A whole answer."""

    text: str
    thinking: str
    """Where the server separates it; else it is in `text`."""


class Probed(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a probe."""

    problem: str
    """In the server's words; empty: none."""
    tokens: int
    text: str = ""
    thinking: str = ""


Think: TypeAlias = bool | Literal["low", "medium", "high"]
"""Whether a model shall think before it answers, or how much."""


class Thinking(msgspec.Struct, frozen=True):
    text: str


class Answer(msgspec.Struct, frozen=True):
    text: str


class Done(msgspec.Struct, frozen=True):
    stats: Stats


Text: TypeAlias = Thinking | Answer


ChatPiece: TypeAlias = Thinking | Answer | Done


class Message(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One message of a chat; in a request and in an answer."""

    role: str = ""
    content: str = ""
    thinking: str | None = None
