"""Whether `/v1` of each Ollama takes the temperature of a model's parameters: `python -m servers.sampling` in scripts/.

A model with temperature 0 answers one text whatever the seed; prints how many texts three seeds gave.
"""

from __future__ import annotations

import json
import urllib.request
from typing import Any

from servers.starting import started

SERVERS = ("ollama-0.6.8", "ollama-0.9.5", "ollama-0.11.4", "ollama-0.34.0")
SEEDS = (1, 2, 3)
_ASKED = [{"role": "user", "content": "Name three colours."}]
_GREEDY = {"temperature": 0.0}


def posted(url: str, body: dict[str, Any]) -> Any:
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=240) as answer:
        return json.load(answer)


def native(url: str, seed: int) -> str:
    options = {"seed": seed, "num_predict": 20, "num_thread": 1}
    body = {"model": "greedy", "messages": _ASKED, "stream": False, "options": options}
    text: str = posted(f"{url}/api/chat", body)["message"]["content"]
    return text


def openai(url: str, seed: int, **more: float) -> str:
    body = {"model": "greedy", "messages": _ASKED, "seed": seed, "max_tokens": 20, **more}
    text: str = posted(f"{url}/v1/chat/completions", body)["choices"][0]["message"]["content"]
    return text


if __name__ == "__main__":
    for name in SERVERS:
        with started(name, "smollm2", context=2048) as server:
            url = server.url
            body = {"model": "greedy", "from": server.model, "parameters": _GREEDY, "stream": False}
            posted(f"{url}/api/create", body)
            counts = (
                len({native(url, seed) for seed in SEEDS}),
                len({openai(url, seed) for seed in SEEDS}),
                len({openai(url, seed, **_GREEDY) for seed in SEEDS}),
            )
            print(f"{name}: /api/chat {counts[0]} text(s), /v1 {counts[1]}, /v1 asked for temperature 0 {counts[2]}")
