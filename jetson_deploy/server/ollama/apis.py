"""What clients can ask an Ollama."""

from __future__ import annotations

from jetson_deploy.server.apis import CHAT, EMBEDDINGS, MESSAGES, OWN, RESPONSES, Api, Offer

_NEWER = {"0.6.8": False, "0.11.4": False, "0.34.0": True}
APIS: dict[Api, Offer] = {
    OWN: True,
    CHAT: True,
    RESPONSES: _NEWER,
    MESSAGES: _NEWER,
    EMBEDDINGS: {"0.6.8": True, "0.11.4": True, "0.34.0": False},
}
