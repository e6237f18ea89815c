"""What is said of a prompt that the context cut, from the server's own counts; and nothing of one that fits."""

from __future__ import annotations

import msgspec
import pytest

from jetson_deploy.deploy.prompt_watch import PromptWatch
from jetson_deploy.errors import UnhealthyError
from jetson_deploy.server.exchange import Message, Stats
from jetson_deploy.server.ollama.cut_prompt import cut_prompt
from jetson_deploy.server.server_log import CutPrompt

STATS = Stats(tokens=50, prompt_tokens=10, eval_seconds=1, load_seconds=None, total_seconds=None, done_reason="stop")
PROSE = "The board was moved to another shelf on Monday, and no note says where it went. "
CHINESE = "这块开发板星期一被搬到了另一个架子上，没有人记录下来。"
CODE = "    if reading.temperature > limits[name]:\n        raise TooHot(reading)\n"


def silent_log(read: int) -> None:
    return None


def judged(watch: PromptWatch, sent: list[str], read: int | None, tokens: int = 50) -> str:
    messages = [Message(role=("user", "assistant")[at % 2], content=text) for at, text in enumerate(sent)]
    return watch.judge(messages, msgspec.structs.replace(STATS, prompt_tokens=read, tokens=tokens))


@pytest.mark.parametrize("text", [PROSE, CHINESE, CODE, "a" * 60, " " * 60, "= " * 30], ids=list("PCKAST"))
def test_a_prompt_that_fits_is_not_spoken_of_however_well_it_packs(text: str) -> None:
    """Read as 7 bytes a token, and what repeats as next to nothing."""
    sent = " ".join(f"{text}{number}" for number in range(100)) if len(set(text)) > 2 else text * 100
    read = 40 if len(set(text)) < 3 else len(sent.encode()) // 7
    assert judged(PromptWatch(2048, silent_log), [sent], read) == ""


def test_the_logs_numbers_are_said_where_it_has_them() -> None:
    watch = PromptWatch(4096, lambda read: CutPrompt(tokens=9000, read_tokens=read))
    assert judged(watch, [PROSE * 500], 2049).startswith(
        "the prompt of 9000 tokens was cut: the server read 2049 of it, its context has 4096 tokens"
    )


def test_a_log_that_cannot_be_read_leaves_the_estimate() -> None:
    def away(read: int) -> CutPrompt | None:
        raise UnhealthyError("no log", hint="-", code="engine-away")

    said = judged(PromptWatch(4096, away), [PROSE * 500], 2049)
    assert said.startswith(
        f"the prompt of about {len(PROSE) * 500 // 4} tokens (estimated) was cut: the server read 2049"
    )


def test_a_conversation_that_is_read_as_shorter_than_before_lost_its_beginning() -> None:
    watch = PromptWatch(2048, silent_log)
    assert judged(watch, [PROSE * 90], 1600) == ""
    said = judged(watch, [PROSE * 90, PROSE * 20, PROSE * 30], 900)
    assert "was cut: the server read 900 of it" in said


def test_a_conversation_that_grows_as_it_should_is_not_spoken_of() -> None:
    watch = PromptWatch(4096, silent_log)
    sent, read = [PROSE], 30
    for _ in range(8):
        assert judged(watch, sent, read) == ""
        sent, read = [*sent, PROSE * 3, PROSE], read + 70


def test_a_prompt_and_an_answer_that_fill_the_context_are_said() -> None:
    said = judged(PromptWatch(512, silent_log), [PROSE * 10], 200, tokens=400)
    assert said.startswith("prompt (200 tokens) and answer (400) filled the context of 512 tokens")
    assert judged(PromptWatch(512, silent_log), [PROSE * 10], 600).startswith("the prompt fills the context of 512")


def test_a_server_that_counts_no_prompt_leaves_it_open_and_that_is_said_where_it_matters() -> None:
    assert judged(PromptWatch(4096, silent_log), [PROSE], None) == ""
    assert "the server does not say how many it read" in judged(PromptWatch(4096, silent_log), [PROSE * 300], None)


OLD = (
    'time=2026-06-11T10:00:00.000Z level=WARN source=runner.go:128 msg="truncating input prompt" '
    "limit=4096 prompt=5231 keep=4 new=4096"
)
NEW = (
    'time=2026-06-11T10:00:00.000Z level=WARN source=llama_server.go:317 msg="truncating input prompt" '
    "limit=2050 prompt=7777 keep=5 new=2050"
)


@pytest.mark.parametrize(
    ("read", "tokens"), [(4096, 5231), (2050, 7777), (2051, 7777), (2049, None), (10, None), (5231, None)]
)
def test_the_line_of_ollamas_log_belongs_to_the_answer_that_read_as_many_tokens(read: int, tokens: int | None) -> None:
    found = cut_prompt(f"[GIN] 200\n{OLD}\n{NEW}\n[GIN] 200\n", read)
    assert (found.tokens if found else None) == tokens
