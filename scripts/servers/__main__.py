"""Builds and fetches all of them, each once: before the tests, which must not wait for a compiler."""

from __future__ import annotations

from servers.models import MODELS, gguf
from servers.programs import SERVERS, program

for server in SERVERS:
    program(server)
for model in MODELS:
    gguf(model)
