"""The chat format of a GGUF, known by its own template (Jinja), as Ollama's `create` knows it.

Ollama compares the template with those on its list (template/template.go, server/model.go of 0.9.5 and 0.34.0), and
writes a template of its own and stop parameters for what is close enough. Here ChatML is known, by what its template
writes for a message; a template that does more (tools, thinking, images) is too far from Ollama's too.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from jetson_deploy.events import Note

LONGEST = 3000
"""Bytes; what Ollama's list has for ChatML is shorter, and nearer than 100 edits to it."""
CHATML = "{{- range .Messages }}<|im_start|>{{ .Role }}\n{{ .Content }}<|im_end|>\n{{ end }}<|im_start|>assistant\n"
"""ChatML in Go's text/template, byte for byte as Ollama writes it, so that the same model has the same digest."""
CHATML_STOP = ["<|im_start|>", "<|im_end|>"]
_MORE = re.compile(r"tool|function|think|reason|image|video|audio|vision|document", re.IGNORECASE)
_MARK = re.compile(r"<\|[a-z_]+\|>|\[/?INST\]|<(?:start|end)_of_turn>|<\uff5c[^>]{1,40}\uff5c>")
_MESSAGE = re.compile(
    r"<\|im_start\|>(?:'\+\w+(?:\['role'\]|\.role)\+'|user|system|assistant)(?:\\n|\n)'"
    r"\+(?:\w+(?:\['content'\]|\.content)(?:\|trim)?|content)\+'<\|im_end\|>"
)
_ENDS = {
    "<|im_end|>": "ChatML",
    "<|eot_id|>": "Llama 3",
    "<end_of_turn>": "Gemma",
    "<|end|>": "Phi-3",
    "[/INST]": "Mistral",
    "<\uff5cend\u2581of\u2581sentence\uff5c>": "DeepSeek",
    "<|user|>": "Zephyr or GLM",
}
"""What ends a turn, or begins the next → who writes so; the first that is found."""


class ChatFormat(NamedTuple):
    """Of a file without another template: what is written beside its weights, and what must be said."""

    template: str | None
    stop: list[str]
    note: Note


def chat_format(jinja: str | None) -> ChatFormat:
    if jinja is not None and _is_chatml(jinja):
        text = "its chat template is ChatML: Ollama's template for that is added, with its stop parameters"
        return ChatFormat(CHATML, CHATML_STOP, Note(level="info", text=text))
    text = f"without a template the server continues texts and has no chat format; {_add(jinja)}"
    return ChatFormat(None, [], Note(level="warning", text=text))


def _is_chatml(jinja: str) -> bool:
    marks = set(_MARK.findall(jinja))
    if len(jinja) > LONGEST or not marks or marks - set(CHATML_STOP) or _MORE.search(jinja):
        return False
    return bool(_MESSAGE.search(_bare(jinja)))


def _bare(jinja: str) -> str:
    """Without the white space around operators, with one kind of quotes, and texts joined that stand side by side."""
    return re.sub(r"\s*\+\s*", "+", jinja.replace('"', "'")).replace("'+'", "")


def _add(jinja: str | None) -> str:
    if jinja is None:
        return "give one with --modelfile"
    end, name = next(((end, name) for end, name in _ENDS.items() if end in jinja), (None, None))
    if end is None:
        return "the file's own is none that is known here: give one with --modelfile, and the stop parameters"
    return f"the file's own is of {name}'s kind, and more than that: give one with --modelfile, with stop: ['{end}']"
