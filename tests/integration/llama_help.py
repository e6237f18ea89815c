"""A llama-server's `--help`, by flag."""

from __future__ import annotations

import re


def entries(text: str) -> dict[str, str]:
    """Flag → the whole entry that it stands in, on one line."""
    found: dict[str, str] = {}
    for block in re.split(r"\n(?=-)", text):
        names = block.split("  ")
        head = block[: block.find("  ", 8)] if len(names) > 1 else block
        flat = " ".join(block.split())
        found |= dict.fromkeys(re.findall(r"(?<![\w-])--?[a-z][a-z0-9-]*", head.split("\n")[0]), flat)
    return found


def variables(text: str) -> set[str]:
    return set(re.findall(r"\(env: (LLAMA_\w+)\)", text))
