"""The tag that comes nearest to one that is not offered: by the model's size, then by its quantization."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

from jetson_deploy.catalog.entries import ModelSize

_SIZE = re.compile(r"([0-9]{1,4}(?:\.[0-9]{1,3})?)([bm])(?:-|$)")
_BITS = re.compile(r"(?:^|[-_])(?:i?q|bf|f|fp)([0-9]{1,2})(?:_|$)")
_UNSAID_BITS = 4
"""Of a tag that names no quantization: Ollama's own choice is Q4_K_M."""


def nearest_tag(tag: str, sizes: Mapping[str, ModelSize]) -> str | None:
    """None: the tag begins with no size, or no size is offered."""
    asked = _parameters(tag)
    if asked is None:
        return None
    offered = {name: size for name, size in sizes.items() if _parameters(name)}
    return min(offered, key=lambda name: _distance(tag, asked, name, offered[name]), default=None)


def _distance(tag: str, asked: float, name: str, size: ModelSize) -> tuple[float, float, float]:
    import difflib  # for mistakes alone

    sizes = abs(math.log((_parameters(name) or 1.0) / asked))
    bits = abs(math.log2((_bits(size.quantization) or _UNSAID_BITS) / (_bits(tag) or _UNSAID_BITS)))
    return sizes, bits, -difflib.SequenceMatcher(None, tag, name).ratio()


def _parameters(tag: str) -> float | None:
    """In billions."""
    found = _SIZE.match(tag.lower())
    number = float(found[1]) if found else 0.0
    return (number if found and found[2] == "b" else number / 1000) or None


def _bits(text: str) -> int | None:
    found = _BITS.search(text.lower())
    return int(found[1]) or None if found else None
