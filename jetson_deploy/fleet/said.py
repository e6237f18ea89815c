"""What a device said, for a message of ours: foreign text."""

from __future__ import annotations

_CHARACTERS = 300


def last_line(text: bytes) -> str:
    """Of those that are not empty, without what acts on a terminal; nothing where there is none."""
    lines = text.decode(errors="replace").strip().splitlines()
    last = lines[-1].strip()[:_CHARACTERS] if lines else ""
    return "".join(one if one.isprintable() else ascii(one)[1:-1] for one in last)
