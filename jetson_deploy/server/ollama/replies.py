"""What the Ollama server answers, as data. Sizes in bytes, times in seconds."""

from __future__ import annotations

from typing import Any, TypeAlias

import msgspec

_NANOSECONDS = 1_000_000_000


class ListedModel(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    digest: str
    """Of the manifest: 64 hex digits, no prefix."""
    size: int
    """Sum of what the manifest says, not of what is on disk: being listed proves nothing."""


class RunningModel(msgspec.Struct, frozen=True, kw_only=True):
    """A model in memory. Up to Ollama 0.12 both sizes are the server's estimates."""

    name: str
    digest: str
    size_bytes: int
    gpu_bytes: int
    context_length: int | None
    """None before Ollama 0.10; 0.11.4 reports it uncut above the trained length."""
    family: str | None = None
    quantization: str | None = None

    @property
    def gpu_share(self) -> float | None:
        """Part of the model that is in GPU memory, 0 to 1; None when the size is unknown."""
        return min(1.0, self.gpu_bytes / self.size_bytes) if self.size_bytes > 0 else None


class Stats(msgspec.Struct, frozen=True, kw_only=True):
    """Counters of one answer. Thinking counts as tokens."""

    tokens: int
    prompt_tokens: int | None
    eval_seconds: float | None
    load_seconds: float | None
    total_seconds: float | None
    done_reason: str
    """stop, length, load, unload; empty from servers before 0.1.35."""

    @property
    def tokens_per_second(self) -> float | None:
        """Decoding speed; None with fewer than two tokens (0.24 leaves the time of one token out)."""
        if self.tokens < 2 or not self.eval_seconds:
            return None
        return self.tokens / self.eval_seconds


class Generation(Stats, frozen=True, kw_only=True):
    """A whole answer."""

    text: str
    thinking: str
    """Where the server separates it (from 0.17 without being asked); else it is in `text`."""


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


class TagsReply(msgspec.Struct):
    models: list[ListedModel] | None


class PsDetails(msgspec.Struct):
    family: str = ""
    quantization_level: str = ""


class PsModel(msgspec.Struct):
    name: str
    digest: str
    size: int
    size_vram: int = 0
    context_length: int | None = None
    details: PsDetails | None = None


class PsReply(msgspec.Struct):
    models: list[PsModel] | None

    def running(self) -> tuple[RunningModel, ...]:
        return tuple(
            RunningModel(
                name=one.name,
                digest=one.digest,
                size_bytes=one.size,
                gpu_bytes=one.size_vram,
                context_length=one.context_length or None,
                family=(one.details.family or None) if one.details else None,
                quantization=(one.details.quantization_level or None) if one.details else None,
            )
            for one in self.models or ()
        )


class VersionReply(msgspec.Struct):
    version: str


class StreamReply(msgspec.Struct, kw_only=True):
    """One object of /api/generate or /api/chat, streamed or whole. Durations in nanoseconds."""

    error: str | None = None
    response: str = ""
    thinking: str = ""
    message: Message | None = None
    done: bool = False
    done_reason: str = ""
    eval_count: int = 0
    prompt_eval_count: int | None = None
    eval_duration: int | None = None
    load_duration: int | None = None
    total_duration: int | None = None

    def counters(self) -> dict[str, Any]:
        """The fields of `Stats`."""
        return {
            "tokens": self.eval_count,
            "prompt_tokens": self.prompt_eval_count,
            "eval_seconds": seconds(self.eval_duration),
            "load_seconds": seconds(self.load_duration),
            "total_seconds": seconds(self.total_duration),
            "done_reason": self.done_reason,
        }


def seconds(nanoseconds: int | None) -> float | None:
    """Of a duration as the server writes it; 0 stands for unknown."""
    return nanoseconds / _NANOSECONDS if nanoseconds else None
