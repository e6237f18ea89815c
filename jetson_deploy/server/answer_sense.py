"""Whether an answer can come from a model that works: a GPU that computes wrongly answers fast, and only rubbish.

Not whether it is right, or even language: small models loop, and mix scripts. What is refused, no working model gives;
tests/server/test_answer_sense.py holds it against 200 real answers and every recorded one.
"""

from __future__ import annotations

import re

LEAST_TOKENS = 16
"""A shorter answer proves nothing: `1`, `…` and `no no` are answers too."""
COUNTING_DIGITS = 3
"""A base model of 270 million parameters, asked for a poem, numbered empty lines (recorded)."""
QUESTION = "Say in one short sentence what an edge computer is."
"""What a server is asked whose answer is read: it asks for letters."""
UNREADABLE = "\N{REPLACEMENT CHARACTER}"
RUBBISH_ISSUE = "gpu-computes-rubbish"
"""The known issue that explains it: the log of such a server shows nothing."""
_RUN = re.compile(rf"([^\W\d_]|[@!?])\1{{{LEAST_TOKENS - 1}}}")
"""Rubbish can begin after some right words. Not of dashes, dots or hashes: a model may draw a line."""
_TAGS = re.compile(r"</?think(?:ing)?>")
"""A template's, and not of the model's making."""


def rubbish(thinking: str, text: str, tokens: int) -> str | None:
    """Why no working model gives this answer; None: one may, or `tokens` are too few to tell."""
    if tokens < LEAST_TOKENS:
        return None
    said = _TAGS.sub("", thinking + text).strip()
    digits = {character for character in said if character.isdigit()}
    if not any(character.isalpha() for character in said) and len(digits) < COUNTING_DIGITS:
        return "no letter of any script" if said else "no text at all"
    if UNREADABLE in said.rstrip(UNREADABLE):  # at the end, the limit may have cut a character
        return "bytes that are no text"
    if len({*said}) == 1 or _RUN.search(said):
        return "one character repeated"
    return "one token repeated" if _repeats(said) >= tokens - 1 else None


def _repeats(said: str) -> int:
    """How often the shortest piece stands in it that it is made of, the last one perhaps cut."""
    borders = [0] * len(said)
    border = 0
    for at in range(1, len(said)):
        while border and said[at] != said[border]:
            border = borders[border - 1]
        border += said[at] == said[border]
        borders[at] = border
    piece = len(said) - border
    return -(-len(said) // piece)
