"""A text that came from a device, in the device's row: one line, bounded, nothing that moves the cursor.

Control and bidirectional characters are escaped by `streams.write` as everywhere; a new line or a tab, which it lets
through, and signs that are drawn over their neighbours, would leave the row.
"""

from __future__ import annotations

import re
import unicodedata

from jetson_deploy.cli.foreign import escaped

CELL = 48
REASON = 160
_ESCAPES = re.compile(r"\\(?:x[0-9a-f]{0,2}|u[0-9a-f]{0,4}|U[0-9a-f]{0,8})?$")


def cell(text: object, limit: int = CELL) -> str:
    """`-` for nothing known."""
    if text is None or text == "":
        return "-"
    whole = "".join(map(_one, unicodedata.normalize("NFC", str(text)[: 4 * limit])))
    return whole if len(whole) <= limit else _ESCAPES.sub("", whole[: limit - 1]) + "…"


def many(number: int) -> str:
    return "1 device" if number == 1 else f"{number} devices"


def _one(character: str) -> str:
    if " " <= character <= "~":
        return character
    if character.isprintable() and not unicodedata.category(character).startswith("M"):
        return character
    if ord(character) > 0xFFFF:
        return f"\\U{ord(character):08x}"
    return escaped(character)
