"""How Ollama's own log lines look; those of the llama-server that it starts are llama.cpp's."""

from __future__ import annotations

from jetson_deploy.server.log_signs import LogLines

LOG_LINES = LogLines(
    own=r"source=\w+\.go:\d+|\[GIN\] |^\S+ \S+ (routes|images|server|llama|payload)\.go:\d+: ",
    start=r"Listening on \S+ \(version",
    answer=r'\| 200 \|.*POST +"(/api/(generate|chat)|/v1/(chat/)?completions|/v1/(responses|messages))(\?[^"\s]*)?"',
    failure=r"level=ERROR|\| 5\d\d \||process (has terminated|no longer running)"
    r'|msg="(Load failed|NewLlamaServer failed|failed to (load|create|start)[^"]*)"',
)
