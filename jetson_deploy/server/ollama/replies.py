"""Replies of the Ollama server, as data. Sizes in bytes, times in seconds."""

from __future__ import annotations

from typing import Any

import msgspec

from jetson_deploy.server.exchange import ListedModel, Message, RunningModel
from jetson_deploy.units import seconds

NO_VERSION = "0.0.0"
"""Of a server that was built without one, as some images' are: it says nothing of its age."""


class TagsModel(msgspec.Struct):
    name: str
    digest: str
    size: int


class TagsReply(msgspec.Struct):
    models: list[TagsModel] | None

    def listed(self) -> tuple[ListedModel, ...]:
        return tuple(ListedModel(name=one.name, digest=one.digest, size=one.size) for one in self.models or ())


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
