"""What others wrote, made harmless where we write: a model's answer, a log, an error that quotes a server or a host.

Every text goes through `visible` once, when it is whole: our own styling stands in it as marks that nothing from
outside can hold, and becomes sequences there. A character is judged alone, so that a sequence that is cut over two
pieces of a stream, or ends nowhere, is caught too. What JSON leaves unescaped gets JSON's own escape.
"""

from __future__ import annotations

import os
import re

_SEQUENCES = {
    "reset": "\x1b[0m",
    "dim": "\x1b[2m",
    "red": "\x1b[31m",
    "green": "\x1b[32m",
    "yellow": "\x1b[33m",
    "cyan": "\x1b[36m",
    "erase": "\r\x1b[K",
}
_KEY = f"\x1b{os.urandom(8).hex()}"
"""Of this process: what comes from outside cannot hold it."""
_HARMFUL = (
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f"  # C0 but tab, new line and carriage return; DEL; C1
    r"\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # they change the direction of the text
    r"\ud800-\udfff]"  # bytes of a file name that are no UTF-8: an old locale would write them as they were
    r"|\r(?!\n)"
)
_FOUND = re.compile(f"{_KEY}([a-z]+);|{_HARMFUL}")


def styled(text: str, style: str) -> str:
    return f"{own(style)}{text}{own('reset')}"


def own(name: str) -> str:
    """One of our own sequences, as a mark that `visible` lets through."""
    if name not in _SEQUENCES:
        raise ValueError(name)
    return f"{_KEY}{name};"


def visible(text: str) -> str:
    """The text as it may be written: control and bidirectional characters as escapes, our marks as sequences.

    A carriage return is harmless before a new line only; elsewhere it writes over what stands there.
    """
    return _FOUND.sub(_shown, text)


def escaped(one: str) -> str:
    """`\\x1b`; from DEL on `\\u009b`, which JSON reads as the character."""
    if one == "\r":
        return r"\r"
    return f"\\x{ord(one):02x}" if one < "\x7f" else f"\\u{ord(one):04x}"


def _shown(found: re.Match[str]) -> str:
    return _SEQUENCES[found[1]] if found[1] else escaped(found[0])


class LineEnds:
    """Pieces of a stream; a carriage return at the end of one waits for the next, which may begin with its new line."""

    def __init__(self) -> None:
        self._held = ""

    def joined(self, piece: str) -> str:
        text = self._held + piece
        self._held = "\r" if text.endswith("\r") else ""
        return text[: len(text) - len(self._held)]

    def rest(self) -> str:
        held, self._held = self._held, ""
        return held
