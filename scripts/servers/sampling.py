"""Whether `/v1` of each Ollama takes the temperature of a model's parameters: `python -m servers.sampling` in scripts/.

A model with temperature 0 answers one text whatever the seed; prints how many texts three seeds gave.
"""

from __future__ import annotations

import sys
from typing import Any

from servers.apis import RECORDED, ask
from servers.starting import started

SEEDS = (1, 2, 3)
_ASKED = [{"role": "user", "content": "Name three colours."}]
_GREEDY = {"temperature": 0.0}


def answer(url: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
    status, found = ask(url, path, body, "greedy")
    if status != 200:
        sys.exit(f"{path}: HTTP {status}")
    return found


def native(url: str, seed: int) -> str:
    options = {"seed": seed, "num_predict": 20, "num_thread": 1}
    body = {"messages": _ASKED, "stream": False, "options": options}
    text: str = answer(url, "/api/chat", body)["message"]["content"]
    return text


def openai(url: str, seed: int, **more: float) -> str:
    body = {"messages": _ASKED, "seed": seed, "max_tokens": 20, **more}
    text: str = answer(url, "/v1/chat/completions", body)["choices"][0]["message"]["content"]
    return text


if __name__ == "__main__":
    for name in RECORDED:
        if not name.startswith("ollama-"):
            continue
        with started(name, "smollm2", context=2048) as server:
            url = server.url
            answer(url, "/api/create", {"from": server.model, "parameters": _GREEDY, "stream": False})
            counts = (
                len({native(url, seed) for seed in SEEDS}),
                len({openai(url, seed) for seed in SEEDS}),
                len({openai(url, seed, **_GREEDY) for seed in SEEDS}),
            )
            print(f"{name}: /api/chat {counts[0]} text(s), /v1 {counts[1]}, /v1 asked for temperature 0 {counts[2]}")
