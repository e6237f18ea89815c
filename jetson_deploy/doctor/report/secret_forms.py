"""One word in all the encodings that it occurs in: addresses, JSON, base64, hexadecimal, unit names, mount tables."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from urllib.parse import quote, quote_plus

_LEAST_ENCODED = 5
"""A shorter word in base64 or hexadecimal stands by chance in others."""
_FIRST_WHOLE = (0, 2, 3)
"""By how many bytes stand before it in its group of three: the first base64 digit that is the word's alone."""


def plain_forms(word: str) -> Iterator[str]:
    """Forms that are still words: an address may hold them, or a text inside a text."""
    yield word
    yield from (quote(word, safe=""), quote(word), quote_plus(word))
    once = json.dumps(word)[1:-1]
    yield from (once, json.dumps(word, ensure_ascii=False)[1:-1], json.dumps(once)[1:-1])
    yield word.replace("-", "\\x2d")
    yield "".join(rf"\{ord(one):03o}" if one in " \t\n\\" else one for one in word)


def encoded_forms(word: str) -> Iterator[str]:
    """Forms that stand anywhere inside longer ones. Letters count as they are, so both cases of a name are given."""
    for text in dict.fromkeys((word, word.lower(), word.upper())):
        raw = text.encode()
        if len(raw) < _LEAST_ENCODED:
            return
        for before, first in enumerate(_FIRST_WHOLE):
            whole = base64.b64encode(b"\0" * before + raw).decode()[first : (before + len(raw)) * 8 // 6]
            yield from (whole, whole.replace("+", "-").replace("/", "_"))
        yield from (raw.hex(), raw.hex().upper())


def mac_forms(mac: str) -> Iterator[str]:
    """`48:b0:2d:aa:bb:cc`; the other ways of writing it."""
    digits = mac.replace(":", "").lower()
    pairs = [digits[at : at + 2] for at in range(0, 12, 2)]
    yield from (":".join(pairs), "-".join(pairs), "_".join(pairs), " ".join(pairs), digits)
    yield ".".join(digits[at : at + 4] for at in range(0, 12, 4))


def address_forms(address: str) -> Iterator[str]:
    """An IPv4 address; as the kernel's tables and as host names of clouds have it."""
    yield address
    yield address.replace(".", "-")
    numbers = [int(part) for part in address.split(".")]
    forward, backward = bytes(numbers).hex(), bytes(reversed(numbers)).hex()
    yield from (forward, backward, f"0x{forward}")
