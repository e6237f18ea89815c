"""What each server of `programs.py` answers to which API: `PYTHONPATH=scripts python -m servers.apis DIRECTORY`.

Writes one file for each server, which tests/data/apis keeps; a status alone tells that an API is there, the other rows
whether what was asked for was heeded too.
"""

from __future__ import annotations

import json
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from servers.programs import LLAMA_BUILD, LLAMA_SERVER
from servers.starting import started

RECORDED = ("ollama-0.6.8", "ollama-0.9.5", "ollama-0.11.4", "ollama-0.34.0", LLAMA_SERVER)
_SECONDS = 240
_HELLO = [{"role": "user", "content": "Say hi."}]
_COLOUR = {"type": "object", "properties": {"colour": {"enum": ["red", "blue"]}}, "required": ["colour"]}
_TOOL = {
    "type": "function",
    "function": {"name": "weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}},
}
APIS: dict[str, dict[str, Any] | None] = {
    "/api/version": None,
    "/api/tags": None,
    "/api/ps": None,
    "/api/show": {},
    "/api/generate": {"prompt": "a", "stream": False, "options": {"num_predict": 2, "num_thread": 1}},
    "/api/chat": {"messages": _HELLO, "stream": False, "options": {"num_predict": 2, "num_thread": 1}},
    "/api/embed": {"input": "a"},
    "/v1/models": None,
    "/v1/completions": {"prompt": "a", "max_tokens": 2},
    "/v1/chat/completions": {"messages": _HELLO, "max_tokens": 2},
    "/v1/responses": {"input": "Say hi.", "max_output_tokens": 2},
    "/v1/messages": {"messages": _HELLO, "max_tokens": 2},
    "/v1/embeddings": {"input": "a"},
}
"""Path → what is posted, the model's name apart; None: it is got."""
FORMAT = {"type": "json_schema", "json_schema": {"name": "c", "schema": _COLOUR}}


def ask(url: str, path: str, body: dict[str, Any] | None, model: str) -> tuple[int, dict[str, Any]]:
    data = None if body is None else json.dumps({"model": model, **body}).encode()
    request = urllib.request.Request(url + path, data, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=_SECONDS) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code, {}


def asked(url: str, model: str) -> dict[str, Any]:
    found: dict[str, Any] = {path: ask(url, path, body, model)[0] for path, body in APIS.items()}
    schema = {"messages": _HELLO, "max_tokens": 24, "temperature": 0, "response_format": FORMAT}
    status, answer = ask(url, "/v1/chat/completions", schema, model)
    found["structured output"] = status == 200 and _is_a_colour(answer["choices"][0]["message"]["content"])
    tools = {"messages": _HELLO, "max_tokens": 2, "tools": [_TOOL]}
    found["tools with a template that names none"] = ask(url, "/v1/chat/completions", tools, model)[0]
    return found


def _is_a_colour(text: str) -> bool:
    try:
        return json.loads(text).get("colour") in ("red", "blue")
    except (ValueError, AttributeError):
        return False


if __name__ == "__main__":
    for server in RECORDED:
        with started(server, "smollm2", context=1024) as one:
            made = asked(one.url, one.model)
        text = json.dumps(made, indent=1) + "\n"
        name = f"{server}-{LLAMA_BUILD}" if server == LLAMA_SERVER else server
        (Path(sys.argv[1]) / f"{name}.json").write_text(text, encoding="utf-8")
        print(server, made, flush=True)
