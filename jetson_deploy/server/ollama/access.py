"""Ollama's access log: a line for each request that ended, with its path and query as they were asked."""

from __future__ import annotations

import re

OURS = "by=jetson-deploy"
"""In the query of what proof and watcher ask: it changes nothing there, and shows in the log whose it was."""
GENERATE = f"/api/generate?{OURS}"
_ACCESS = re.compile(r'\[GIN\].*?\|\s*POST\s+"(/[^"\s]*)"')
_COLOUR = re.compile(r"\x1b\[[0-9;]{0,20}m")
_WORK = frozenset(
    {
        "/api/generate",
        "/api/chat",
        "/api/embed",
        "/api/embeddings",
        "/v1/chat/completions",
        "/v1/completions",
        "/v1/embeddings",
        "/v1/messages",
        "/v1/responses",
    }
)


def tells_use(line: str) -> bool:
    match = _ACCESS.search(_COLOUR.sub("", line)) if "[GIN]" in line else None
    if match is None:
        return False
    path, _, query = match[1].partition("?")
    return path in _WORK and OURS not in query.split("&")
