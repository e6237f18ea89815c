"""What clients can ask a llama-server, by the number of its build: a fork counts anew, and none is known of such."""

from __future__ import annotations

from jetson_deploy.server.apis import CHAT, EMBEDDINGS, MESSAGES, OWN, RESPONSES, Api, Offer

_HAS, _HAS_NOT = {"b10434": True}, {"b10434": False}
APIS: dict[Api, Offer] = {OWN: _HAS_NOT, CHAT: _HAS, RESPONSES: _HAS, MESSAGES: _HAS, EMBEDDINGS: _HAS_NOT}
