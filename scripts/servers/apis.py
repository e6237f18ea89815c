"""What each server of `programs.py` answers to which API: `PYTHONPATH=scripts python -m servers.apis DIRECTORY`.

Writes one file for each server, which tests/data/apis keeps. A status tells that an API is there; of a setting,
`heeded` or `ignored` tells whether an answer of 200 was as asked for.
"""

from __future__ import annotations

import json
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from servers.programs import LLAMA_BUILD, LLAMA_SERVER
from servers.starting import started

_AS_DEPLOYED = ("--jinja", "--chat-template", "chatml")
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
_CHAT = {"messages": _HELLO, "max_tokens": 24, "temperature": 0}
_OWN_CHAT = {"messages": _HELLO, "stream": False, "options": {"num_predict": 24, "num_thread": 1, "temperature": 0}}
_TEXT = {"format": {"type": "json_schema", "name": "c", "schema": _COLOUR}}
_BUDGET = {"type": "enabled", "budget_tokens": 8}


def ask(url: str, path: str, body: dict[str, Any] | None, model: str) -> tuple[int, dict[str, Any]]:
    data = None if body is None else json.dumps({"model": model, **body}).encode()
    request = urllib.request.Request(url + path, data, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=_SECONDS) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code, {}


def _is_a_colour(text: str) -> bool:
    return bool(_json(text).get("colour") in ("red", "blue"))


def _is_json(text: str) -> bool:
    """Also where the bound cut it: no sentence begins so."""
    return text.lstrip().startswith("{")


def _calls_a_tool(text: str) -> bool:
    return bool(_json(text).get("calls"))


def _json(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


class Setting(NamedTuple):
    path: str
    body: dict[str, Any]
    heeded: Callable[[str], bool] | None = None
    """By the text of the answer; None: the model can show nothing of it, since it neither thinks nor calls tools."""


def _chat(heeded: Callable[[str], bool] | None = None, **of_body: Any) -> Setting:
    return Setting("/v1/chat/completions", {**_CHAT, **of_body}, heeded)


SETTINGS = {
    "chat, a schema": _chat(_is_a_colour, response_format=FORMAT),
    "chat, json_object": Setting(
        "/v1/chat/completions", {**_CHAT, "response_format": {"type": "json_object"}}, _is_json
    ),
    "chat, tools": _chat(tools=[_TOOL]),
    "chat, a tool is required": _chat(_calls_a_tool, max_tokens=80, tools=[_TOOL], tool_choice="required"),
    "chat, reasoning_effort low": _chat(reasoning_effort="low"),
    "chat, thinking_budget_tokens": _chat(thinking_budget_tokens=8),
    "responses, a schema": Setting(
        "/v1/responses", {"input": "Say hi.", "max_output_tokens": 24, "text": _TEXT}, _is_a_colour
    ),
    "messages, a budget for thinking": Setting(
        "/v1/messages", {"messages": _HELLO, "max_tokens": 24, "thinking": _BUDGET}
    ),
    "messages, tools": Setting(
        "/v1/messages",
        {"messages": _HELLO, "max_tokens": 24, "tools": [{"name": "weather", "input_schema": {"type": "object"}}]},
    ),
    "own chat, a schema": Setting("/api/chat", {**_OWN_CHAT, "format": _COLOUR}, _is_a_colour),
    "own chat, tools": Setting("/api/chat", {**_OWN_CHAT, "tools": [_TOOL]}),
    "own chat, think": Setting("/api/chat", {**_OWN_CHAT, "think": True}),
    "own chat, no thinking": Setting("/api/chat", {**_OWN_CHAT, "think": False}),
}
"""Asked of a model that neither thinks nor has a template that names tools."""


def asked(url: str, model: str) -> dict[str, Any]:
    found: dict[str, Any] = {path: ask(url, path, body, model)[0] for path, body in APIS.items()}
    for name, setting in SETTINGS.items():
        status, answer = ask(url, setting.path, setting.body, model)
        if status == 200 and setting.heeded is not None:
            found[name] = "heeded" if setting.heeded(_text(answer)) else "ignored"
        else:
            found[name] = status
    return found


def _text(answer: dict[str, Any]) -> str:
    """Of a chat, of a response, of a message; a call of a tool as its JSON."""
    match answer:
        case {"choices": [{"message": message}, *_]} | {"message": message}:
            return json.dumps({"calls": message["tool_calls"]}) if message.get("tool_calls") else message["content"]
        case {"output": [*_, {"content": [{"text": text}, *_]}]} | {"content": [{"text": text}, *_]}:
            return str(text)
    return ""


if __name__ == "__main__":
    for server in RECORDED:
        arguments = _AS_DEPLOYED if server == LLAMA_SERVER else ()
        with started(server, "smollm2", context=1024, arguments=arguments) as one:
            made = asked(one.url, one.model)
        text = json.dumps(made, indent=1) + "\n"
        name = f"{server}-{LLAMA_BUILD}" if server == LLAMA_SERVER else server
        (Path(sys.argv[1]) / f"{name}.json").write_text(text, encoding="utf-8")
        print(server, made, flush=True)
