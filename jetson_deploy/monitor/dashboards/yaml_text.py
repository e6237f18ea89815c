"""Plain data → YAML for people. Most texts stand in double quotes, as JSON writes them and YAML reads them."""

from __future__ import annotations

import json
import re
from typing import Any

_PLAIN = re.compile(r"[A-Za-z_/.][A-Za-z0-9_/.-]*")
_WORDS = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n", ".nan", ".inf", "."})
"""Other things than texts, in one YAML or another."""


def yaml_text(value: Any, *comments: str) -> str:
    """Of dicts with text keys, lists, texts, numbers, booleans and None. `comments`: lines on top."""
    return "".join(f"# {line}\n" for line in comments) + "\n".join(_block(value, "")) + "\n"


def _block(value: Any, indent: str) -> list[str]:
    if isinstance(value, dict) and value:
        return [line for key, item in value.items() for line in _item(f"{indent}{_scalar(key)}:", item, indent + "  ")]
    if isinstance(value, list) and value:
        return [line for item in value for line in _listed(item, indent)]
    return [indent + _scalar(value)]


def _item(head: str, item: Any, indent: str) -> list[str]:
    return [head, *_block(item, indent)] if item and isinstance(item, (dict, list)) else [f"{head} {_scalar(item)}"]


def _listed(item: Any, indent: str) -> list[str]:
    first, *others = _block(item, indent + "  ")
    return [f"{indent}- {first.lstrip(' ')}", *others]


def _scalar(value: Any) -> str:
    if isinstance(value, str) and _PLAIN.fullmatch(value) and value.lower() not in _WORDS:
        return value
    if isinstance(value, str) and '"' in value and "'" not in value and value.isprintable():
        return f"'{value}'"
    # NEL and the line separators are line breaks to YAML 1.1.
    text = json.dumps(value, ensure_ascii=False)
    return re.sub("[\x7f-\xa0\u2028\u2029\ufeff]", lambda found: f"\\u{ord(found[0]):04x}", text)
