"""Answers of a llama-server, as far as a deployment needs them."""

from __future__ import annotations

from typing import Any

import msgspec


class Health(msgspec.Struct):
    status: str


class Props(msgspec.Struct):
    model_path: str
    total_slots: int
    build_info: str = ""


class Meta(msgspec.Struct):
    size: int = 0
    n_ctx: int | None = None
    ftype: str | None = None


class Listed(msgspec.Struct):
    id: str
    meta: Meta | None = None


class Models(msgspec.Struct):
    data: list[Listed]


class Slot(msgspec.Struct):
    id: int
    is_processing: bool = False


class Timings(msgspec.Struct):
    """Milliseconds."""

    predicted_n: int = 0
    predicted_ms: float = 0.0
    prompt_ms: float = 0.0
    draft_n: int | None = None
    """Missing in an answer for which nothing was drafted."""
    draft_n_accepted: int | None = None


class Usage(msgspec.Struct):
    completion_tokens: int = 0
    prompt_tokens: int | None = None


class Completion(msgspec.Struct):
    """Of /completion."""

    content: str = ""
    tokens_predicted: int = 0
    tokens_evaluated: int | None = None
    stop_type: str = ""
    timings: Timings | None = None


class Part(msgspec.Struct):
    content: str | None = None
    reasoning_content: str | None = None


class Choice(msgspec.Struct):
    finish_reason: str | None = None
    message: Part | None = None
    delta: Part | None = None


class Failure(msgspec.Struct):
    message: str = ""


class Chat(msgspec.Struct):
    """Of /v1/chat/completions: a whole answer, or one event of it."""

    choices: list[Choice] = []
    usage: Usage | None = None
    timings: Timings | None = None
    error: Failure | None = None


def counters(tokens: int, prompt_tokens: int | None, timings: Timings | None, reason: str) -> dict[str, Any]:
    """The fields of `Stats`. Its first token takes no time of its own."""
    timed = timings or Timings()
    return {
        "tokens": tokens,
        "prompt_tokens": prompt_tokens,
        "eval_seconds": timed.predicted_ms / 1000 or None,
        "load_seconds": None,  # it has loaded when it is ready
        "total_seconds": (timed.prompt_ms + timed.predicted_ms) / 1000 or None,
        "done_reason": reason,
        "drafted_tokens": timed.draft_n,
        "accepted_tokens": timed.draft_n_accepted,
    }
