"""Secrets taken out of what is kept or passed on: environment values by their names, credentials in addresses."""

from __future__ import annotations

import json
import re
from typing import Any

GONE = "[redacted]"
MOST_JSON = 4 * 2**20
"""Bytes up to which a document is read as one; a longer one is treated as text."""

_SECRET = "(?:TOKEN|KEY|SECRET|PASSWORD)"  # noqa: S105 - parts of names
_UPPER = re.compile(rf"[A-Z0-9_]*{_SECRET}[A-Z0-9_]*")
_ANY_CASE = re.compile(rf"\w*{_SECRET}\w*", re.IGNORECASE)
_QUOTED = re.compile(rf'(?<![A-Za-z0-9_])([A-Z0-9_]{{0,100}}{_SECRET}[A-Z0-9_]{{0,100}}\\*"?\s?[:=]\s?\\*")[^"\n]*')
"""`NAME="value"`, `"NAME": "value"`, and the same inside another string."""
_BARE = re.compile(rf'(?<![A-Za-z0-9_])([A-Z0-9_]{{0,100}}{_SECRET}[A-Z0-9_]{{0,100}}[:=])[^\s"\]]+')
"""`NAME=value` of a shell, `map[NAME:value …]` of a Go log."""
_CREDENTIALS = re.compile(r"\b([A-Za-z][A-Za-z0-9+.-]{0,20}://)[^\s/?#\"'<>@]{1,500}(?:@[^\s/?#\"'<>@]{0,500}){0,5}@")
_AUTHORIZATION = re.compile(r"(?i)(authorization\W{1,6}(?:bearer|basic)\s+)[^\s\"']+")


def redacted(name: str, text: str) -> str:
    """`name`: of the file; one that ends in .json is taken apart, so that no quoting hides a value."""
    if name.endswith(".json") and len(text) <= MOST_JSON:
        try:
            return json.dumps(_walked(json.loads(text)), indent=1, ensure_ascii=False) + "\n"
        except (ValueError, RecursionError):
            pass  # no JSON after all
    return _text(text)


def _text(text: str) -> str:
    text = _QUOTED.sub(rf"\1{GONE}", text)
    text = _BARE.sub(rf"\1{GONE}", text)
    text = _AUTHORIZATION.sub(rf"\1{GONE}", text)
    return _CREDENTIALS.sub(rf"\1{GONE}@", text)


def _walked(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _named(key, item) for key, item in value.items()}
    if isinstance(value, list):
        return [_assignment(item) if isinstance(item, str) else _walked(item) for item in value]
    return _string(value) if isinstance(value, str) else value


def _named(name: str, value: Any) -> Any:
    """Environment names are upper case; `tokens_per_second` is no secret."""
    return GONE if isinstance(value, str) and _UPPER.fullmatch(name) else _walked(value)


def _assignment(item: str) -> str:
    """An element of `Env`: NAME=value."""
    name, sign, _ = item.partition("=")
    return f"{name}={GONE}" if sign and _ANY_CASE.fullmatch(name) else _string(item)


def _string(value: str) -> str:
    """A label may hold a document of its own."""
    if value[:1] in ("{", "["):
        try:
            return json.dumps(_walked(json.loads(value)), ensure_ascii=False)
        except (ValueError, RecursionError):
            pass
    return _text(value)
