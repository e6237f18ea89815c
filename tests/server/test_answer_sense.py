"""Which answers no working model gives, and that no real answer is among them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from jetson_deploy.server.answer_sense import LEAST_TOKENS, rubbish

ANSWERS = Path(__file__).parents[1] / "data" / "answers"
REAL: list[dict[str, Any]] = json.loads((ANSWERS / "real.json").read_text())
"""What record_answers.py wrote."""
RECORDED: list[dict[str, Any]] = json.loads((ANSWERS / "recorded.json").read_text())
REFUSED: dict[str, tuple[str, str, int, str]] = {
    "one character, as on Orin Nanos": ("", "G" * 32, 32, "one character repeated"),
    "one character in longer tokens": ("", "GGGG" * 16, 16, "one character repeated"),
    "punctuation alone": ("", "@" * 32, 32, "no letter of any script"),
    "exclamation marks": ("", "!" * 16, 16, "no letter of any script"),
    "a block that is no letter": ("", "\u2585" * 20, 20, "no letter of any script"),
    "two digits alone": ("", "01" * 16 + "\n", 32, "no letter of any script"),
    "one word": ("", "the " * 32, 32, "one token repeated"),
    "one word with its blank before it": ("", " the" * 16, 16, "one token repeated"),
    "one word of another script": ("", "\u0438\u0445" * 24, 24, "one token repeated"),
    "one word, and an end that is counted": ("", "the " * 31, 32, "one token repeated"),
    "rubbish after a right beginning": ("", "Alright, the user says hi" + "@" * 24, 31, "one character repeated"),
    "rubbish between words": ("", "GG\n\nOnceGGG thereGGGGGGGGGGGG was" + "G" * 24, 24, "one character repeated"),
    "rubbish as thinking": ("G" * 32, "", 32, "one character repeated"),
    "rubbish in a template's tags": ("", "<think>\n" + "G" * 28, 32, "one character repeated"),
    "white space": ("", "\n" * 32, 32, "no text at all"),
    "tokens that have no text": ("", "", 32, "no text at all"),
    "bytes that are no text": ("", "so \ufffd\ufffd it \ufffd goes on with words", 20, "bytes that are no text"),
}
ACCEPTED: dict[str, tuple[str, str, int]] = {
    "too short to tell": ("", "G" * (LEAST_TOKENS - 1), LEAST_TOKENS - 1),
    "thinking, and no letter in the text": ("Add them.\n", "```\n", 16),
    "thinking that repeats, and a text": ("ha " * 16, "That is all.", 20),
    "a character that the limit cut": (
        "",
        "Das Ger\u00e4t rechnet nah an seinen Daten und so \ufffd\ufffd",
        16,
    ),
    "a loop of two tokens": ("", "I am " * 16, 32),
    "a loop of one letter and a line's end": ("", "A.\n" * 11, 32),
    "a line below a title": ("", "Edge computer\n" + "=" * 40 + "\n" + "-" * 20 + "." * 20 + "#" * 20, 24),
    "a count": ("", "(1)\n(2)\n(3)\n(4)\n(5)\n(6)\n(7)\n(8)\n", 32),
    "digits and one letter": ("", "1 2 3 4 5 6 7 8 9 10 11 12 a", 26),
}


@pytest.mark.parametrize(("thinking", "text", "tokens", "why"), REFUSED.values(), ids=REFUSED)
def test_rubbish_is_named(thinking: str, text: str, tokens: int, why: str) -> None:
    assert rubbish(thinking, text, tokens) == why


@pytest.mark.parametrize(("thinking", "text", "tokens"), ACCEPTED.values(), ids=ACCEPTED)
def test_what_a_working_model_may_say_is_not_refused(thinking: str, text: str, tokens: int) -> None:
    assert rubbish(thinking, text, tokens) is None


def test_no_answer_of_a_real_small_model_is_refused() -> None:
    assert [one for one in REAL if rubbish("", one["text"], one["tokens"])] == []


def test_the_real_answers_are_200_by_two_models_in_five_scripts_and_nearly_all_are_read() -> None:
    settings = {(one["model"], one["temperature"], one["script"]) for one in REAL}
    assert (len(REAL), len(settings), len({(*s.values(),) for s in map(_asked, REAL)})) == (200, 20, 200)
    assert sum(one["tokens"] >= LEAST_TOKENS for one in REAL) >= 160


def test_no_recorded_answer_is_refused() -> None:
    assert [one for one in RECORDED if rubbish(one["thinking"], one["text"], one["tokens"])] == []
    assert {one["version"] for one in RECORDED if one["tokens"] >= LEAST_TOKENS} == {"0.6.8", "0.9.5", "0.24.0"}


def _asked(one: dict[str, Any]) -> dict[str, Any]:
    return {key: one[key] for key in ("model", "temperature", "script", "seed")}
