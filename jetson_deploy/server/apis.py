"""Which APIs a server of a version offers, as real ones answered.

The answers stand in tests/data/apis; `scripts/servers/apis.py` asks for them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, TypeAlias

from jetson_deploy.catalog.version import parse_version


class Api(NamedTuple):
    title: str
    path: str
    """One that shows it."""


Offer: TypeAlias = bool | Mapping[str, bool]
"""In every version; or what each version answered that was asked, the oldest first."""
OWN = Api("Ollama's own", "/api/chat")
CHAT = Api("OpenAI chat", "/v1/chat/completions")
RESPONSES = Api("OpenAI responses", "/v1/responses")
MESSAGES = Api("Anthropic messages", "/v1/messages")
EMBEDDINGS = Api("OpenAI embeddings", "/v1/embeddings")


def offered(apis: Mapping[Api, Offer], version: str | None) -> dict[Api, bool | None]:
    """None: not known, of this version or of a version that is not known."""
    return {api: found if isinstance(found, bool) else _of(found, version) for api, found in apis.items()}


def _of(answers: Mapping[str, bool], version: str | None) -> bool | None:
    """As the versions around it answered, where they agree; a newer one than all as the last. Of an older one than
    all nothing is known."""
    given = _number(version or "")
    if given is None:
        return None
    before = [said for asked, said in answers.items() if (_number(asked) or ()) <= given]
    after = [said for asked, said in answers.items() if (_number(asked) or ()) >= given]
    if not before or (after and after[0] is not before[-1]):
        return None
    return before[-1]


def _number(version: str) -> tuple[int, ...] | None:
    """Of `0.34.0`, of llama.cpp's `b11434-7e4c0a9`; None: it tells none, as a build from a fork may."""
    try:
        return parse_version(version.removeprefix("b"))
    except ValueError:
        return None
