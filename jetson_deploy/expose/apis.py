"""Which requests are let through to a server: a list of what may, so that what a new version adds stays refused.

Paths are compared with the bytes that a client sent: what is encoded, doubled or in capitals is not on the list.
"""

from __future__ import annotations

import msgspec

from jetson_deploy.errors import PreflightError
from jetson_deploy.server_kinds import LLAMA_CPP, OLLAMA

MODEL_PATH = r"^/v1/models/[A-Za-z0-9][A-Za-z0-9_.:-]*$"
_OPENAI = ("/v1/chat/completions", "/v1/completions", "/v1/embeddings", "/v1/responses", "/v1/messages")
_HELLO = {"role": "user", "content": "Say hi."}


class Allowed(msgspec.Struct, frozen=True, kw_only=True):
    reads: tuple[str, ...]
    """GET and HEAD; and GET of MODEL_PATH."""
    asks: tuple[str, ...]
    """POST, answered without the model."""
    generates: tuple[str, ...]
    """POST: the model works, and others wait meanwhile."""
    administration: str
    """A path that must be refused, as it would change or watch the server."""
    question: str
    """Path that a message is sent to."""
    one_token: dict[str, object]
    """Of that request: has one token made, and nothing loaded anew."""


_ALLOWED = {
    OLLAMA: Allowed(
        reads=("/", "/api/tags", "/api/ps", "/api/version", "/v1/models"),
        asks=("/api/show",),
        generates=("/api/chat", "/api/generate", "/api/embed", "/api/embeddings", *_OPENAI),
        administration="/api/pull",
        question="/api/chat",
        one_token={"options": {"num_predict": 1}},
    ),
    LLAMA_CPP: Allowed(
        reads=("/health", "/v1/health", "/v1/models"),
        asks=("/tokenize", "/detokenize", "/apply-template", "/v1/messages/count_tokens"),
        generates=("/completion", *_OPENAI),
        administration="/slots",
        question="/v1/chat/completions",
        one_token={"max_tokens": 1},
    ),
}


def smallest_question(kind: str, model: str) -> tuple[str, dict[str, object]]:
    """Path and body. Raises as `allowed`."""
    row = allowed(kind)
    return row.question, {"model": model, "messages": [_HELLO], **row.one_token, "stream": True}


def allowed(kind: str) -> Allowed:
    """Raises PreflightError `server-not-exposed`."""
    if kind not in _ALLOWED:
        raise PreflightError(
            f"which requests to a {kind} server are harmless is not known",
            hint=f"those of {', '.join(_ALLOWED)} are: deploy one of them",
            code="server-not-exposed",
        )
    return _ALLOWED[kind]
