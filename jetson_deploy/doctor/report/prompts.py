"""What users asked and models answered, as servers log it when they are asked to log more."""

from __future__ import annotations

import re

GONE = "[redacted prompt]"
_FIELD = (
    r"(?:prompt|prompts|content|contents|input|inputs|messages|message_content|response|completion|thinking|suffix"
    r"|system|query|question|answer|generated_text|reasoning_content)"
)
_STRING = r'\\{0,3}"(?:\\.|[^"\\\n]){0,200000}\\{0,3}"?'
_SLOG = re.compile(rf"(?<![\w.-])({_FIELD}=)({_STRING}|[^\s&\"]+)", re.IGNORECASE)
"""Ollama's own lines: `msg="chat request" images=0 prompt="…"`; a number is a length."""
_JSON = re.compile(rf'(\\{{0,3}}"{_FIELD}\\{{0,3}}"\s?:\s?)({_STRING}|[\[{{][^\n]*)', re.IGNORECASE)
_SPOKEN = re.compile(
    r"(\bprompt\s?:\s{1,3}|\b(?:request|response|generated text|input|output|next token|sampled token|text)\s?:\s{1,3}"
    r"(?=[\[{\"'<]))([^\n]+)",
    re.IGNORECASE,
)
"""llama.cpp's: `request: {"messages": …}`, `prompt: '…'`."""
_TEMPLATE = re.compile(
    r"<[|｜](?:User|Assistant|im_start|start_header_id|begin▁of▁sentence|begin_of_text|system|user)[|｜]>.{0,200000}?"
    r"(?=<[|｜](?:im_end|eot_id|end▁of▁sentence|end)[|｜]>|\n(?:\[GIN\]|time=|\{\"|[a-z_]+: |\d{4}[-/]\d\d)|\Z)",
    re.DOTALL,
)
"""A prompt in its template, over as many lines as it has."""
_NUMBER = re.compile(r"-?[0-9.]{1,20}")


def replaced(text: str) -> tuple[str, int]:
    """The text without them, and how many there were."""
    count = 0

    def gone(match: re.Match[str]) -> str:
        nonlocal count
        if _NUMBER.fullmatch(match[2]) or match[2].startswith(GONE):
            return match[0]
        count += 1
        return match[1] + GONE

    text, templates = _TEMPLATE.subn(GONE, text)
    for pattern in (_JSON, _SLOG, _SPOKEN):
        text = pattern.sub(gone, text)
    return text, templates + count
