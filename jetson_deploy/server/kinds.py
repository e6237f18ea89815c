"""The kinds of servers, by the word that a record keeps for each."""

from __future__ import annotations

OLLAMA = "ollama"
LLAMA_CPP = "llama.cpp"
KINDS = (OLLAMA, LLAMA_CPP)
USUAL = OLLAMA
"""What serves where nothing else is said, and where a record has no such word."""
NO_SPECULATION = "off"
_STOP_SECONDS = {OLLAMA: 30, LLAMA_CPP: 6}
"""After SIGTERM a llama-server waits for the client whose whole answer it is making, for minutes, and takes no other
request; a client who streams hears of it with the next ping, after 5 s at most (`llama_cpp/command.py`)."""


def stop_seconds(kind: str) -> int:
    """From SIGTERM to SIGKILL."""
    return _STOP_SECONDS.get(kind, _STOP_SECONDS[OLLAMA])
