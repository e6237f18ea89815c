"""Which APIs a kind of server offers, as real ones answered (tests/data/apis; `scripts/servers/apis.py` asks them)."""

from __future__ import annotations

from typing import NamedTuple

from jetson_deploy.catalog.version import parse_version
from jetson_deploy.server.kinds import LLAMA_CPP, OLLAMA


class Api(NamedTuple):
    title: str
    path: str
    """One that shows it."""


class _Since(NamedTuple):
    """Between the two it is not known."""

    last_without: str
    first_with: str


class _Until(NamedTuple):
    last_with: str
    first_without: str


OWN = Api("Ollama's own", "/api/chat")
CHAT = Api("OpenAI chat", "/v1/chat/completions")
RESPONSES = Api("OpenAI responses", "/v1/responses")
MESSAGES = Api("Anthropic messages", "/v1/messages")
EMBEDDINGS = Api("OpenAI embeddings", "/v1/embeddings")
_NEWER = _Since("0.11.4", "0.34.0")
_OFFERED: dict[str, dict[Api, bool | _Since | _Until]] = {
    OLLAMA: {OWN: True, CHAT: True, RESPONSES: _NEWER, MESSAGES: _NEWER, EMBEDDINGS: _Until("0.11.4", "0.34.0")},
    LLAMA_CPP: {OWN: False, CHAT: True, RESPONSES: True, MESSAGES: True, EMBEDDINGS: False},
}


def offered(kind: str, version: str | None) -> dict[Api, bool | None]:
    """None: not known, of this version or of a version that is not known."""
    return {api: _of(found, version) for api, found in _OFFERED.get(kind, {}).items()}


def _of(found: bool | _Since | _Until, version: str | None) -> bool | None:
    if isinstance(found, bool):
        return found
    if version is None:
        return None
    low, high = found
    given = parse_version(version)
    if given <= parse_version(low):
        return isinstance(found, _Until)
    return isinstance(found, _Since) if given >= parse_version(high) else None
