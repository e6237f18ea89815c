from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jetson_deploy.server.exchange import Answer, Text, Thinking
from jetson_deploy.server.think import ThinkSplitter

# Mostly what the tags are made of, so that cuts fall into tags and near-tags.
FRAGMENTS = st.lists(
    st.one_of(st.sampled_from(["<think>", "</think>", "<", "</", "think", ">", "\n", " ", "<thi", "a"]), st.text()),
    max_size=12,
).map("".join)


def joined(pieces: list[Text]) -> tuple[str, str]:
    """(thinking, answer)."""
    thinking = "".join(piece.text for piece in pieces if isinstance(piece, Thinking))
    return thinking, "".join(piece.text for piece in pieces if isinstance(piece, Answer))


def split(chunks: list[str]) -> list[Text]:
    splitter = ThinkSplitter()
    pieces = [piece for chunk in chunks for piece in splitter.feed(chunk)]
    return pieces + splitter.end()


@given(text=FRAGMENTS, cuts=st.lists(st.integers(0, 60), max_size=10))
def test_any_cutting_of_a_text_gives_the_same_result_as_one_piece(text: str, cuts: list[int]) -> None:
    edges = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
    chunks = [text[a:b] for a, b in itertools.pairwise(edges)]
    assert joined(split(chunks)) == joined(split([text]))
    assert joined(split(list(text))) == joined(split([text]))


@given(text=st.text().filter(lambda text: not text.lstrip().startswith("<think>")))
def test_a_text_that_does_not_begin_with_the_tag_is_passed_on_unchanged(text: str) -> None:
    assert joined(split(list(text))) == ("", text)


@given(text=FRAGMENTS)
def test_thinking_always_comes_before_the_answer(text: str) -> None:
    kinds = [type(piece) for piece in split(list(text))]
    assert kinds == sorted(kinds, key=lambda kind: kind is Answer)


@pytest.mark.parametrize(
    ("text", "thinking", "answer"),
    [
        ("\n<think>\nAdd them.\n</think>\n\n```\n", "Add them.\n", "```\n"),  # as 0.9.5 splits it itself
        ("<think>\n\n</think>\n\n8", "", "8"),
        ("<think>never ended </th", "never ended </th", ""),
        ("\n- 1.2", "", "\n- 1.2"),
        ("<thinking about it", "", "<thinking about it"),
        ("<thi", "", "<thi"),
        ("use <think> tags", "", "use <think> tags"),
        ("<think>a</think>b</think>c", "a", "b</think>c"),
        ("", "", ""),
    ],
)
def test_a_raw_answer_is_taken_apart(text: str, thinking: str, answer: str) -> None:
    assert joined(split([text])) == (thinking, answer)


def test_text_is_passed_on_as_soon_as_it_is_clear() -> None:
    splitter = ThinkSplitter()
    assert splitter.feed("<think>one two</") == [Thinking("one two")]
    assert splitter.feed("three") == [Thinking("</three")]
    assert splitter.feed("</think>four") == [Answer("four")]
