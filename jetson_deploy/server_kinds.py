"""The kinds of servers: a row for each. Its folder is in `jetson_deploy/server/`, and holds all else of it."""

from __future__ import annotations

from typing import NamedTuple

OLLAMA = "ollama"
LLAMA_CPP = "llama.cpp"
USUAL = OLLAMA
"""What serves where nothing else is said, and where a record has no such word."""
NO_SPECULATION = "off"


class Kind(NamedTuple):
    folder: str
    stop_seconds: int
    """From SIGTERM to SIGKILL. Here, since a container whose server this version does not know is stopped too."""


ROWS = {
    OLLAMA: Kind("ollama", stop_seconds=30),
    # After SIGTERM a llama-server waits for the client whose whole answer it is making, for minutes, and takes no other
    # request; a client who streams hears of it with the next ping, after 5 s at most (`server/llama_cpp/command.py`).
    LLAMA_CPP: Kind("llama_cpp", stop_seconds=6),
}
"""By the word that a record keeps and the catalog uses."""
KINDS = tuple(ROWS)


def stop_seconds(kind: str) -> int:
    return ROWS.get(kind, ROWS[USUAL]).stop_seconds
