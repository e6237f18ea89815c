"""Chats as streams, through the three generations of thinking."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from typing import Any

import pytest

from jetson_deploy.errors import UnhealthyError, UsageError
from jetson_deploy.server.exchange import Answer, Done, Message, Stats, Thinking
from jetson_deploy.server.ollama.client import OllamaClient

VERSIONS = ("0.6.8", "0.9.5", "0.11.4", "0.24.0")
SAY_HI = (Message(role="user", content="Say hi."),)
Start = Callable[..., Any]


def client(server: Any) -> OllamaClient:
    return OllamaClient(server.base_url, timeout=5.0)


def chunk(content: str = "", thinking: str | None = None, **more: Any) -> dict[str, Any]:
    message = {"role": "assistant", "content": content} | ({"thinking": thinking} if thinking else {})
    return {"model": "m", "created_at": "now", "message": message, "done": False, **more}


END = chunk(done=True, done_reason="stop", eval_count=4, eval_duration=2_000_000_000, prompt_eval_count=9)


def texts(pieces: list[Any]) -> tuple[str, str]:
    thinking = "".join(piece.text for piece in pieces if isinstance(piece, Thinking))
    return thinking, "".join(piece.text for piece in pieces if isinstance(piece, Answer))


@pytest.mark.parametrize("version", VERSIONS)
def test_a_plain_chat_is_streamed_with_its_counters_last(version: str, replaying: Start) -> None:
    *pieces, done = client(replaying(version, ("chat", "stream"))).chat("smol", SAY_HI)
    assert texts(pieces)[0] == ""
    assert texts(pieces)[1].startswith("Hello")
    assert isinstance(done, Done)
    assert done.stats.tokens > 1
    assert done.stats.tokens_per_second == done.stats.tokens / 2.0


def test_a_limit_of_tokens_is_passed_to_the_server(replaying: Start) -> None:
    server = replaying("0.9.5", ("chat", "stream"))
    list(client(server).chat("smol", SAY_HI, max_tokens=7))
    assert server.bodies[0]["options"] == {"num_predict": 7}


@pytest.mark.parametrize("version", ["0.9.5", "0.11.4", "0.24.0"])
def test_thinking_that_the_server_separates_is_passed_on(version: str, replaying: Start) -> None:
    server = replaying(version, ("r1", "prefill_think_stream"))
    *pieces, done = client(server).chat("deepseek-r1:1.5b", SAY_HI, think=True)
    assert texts(pieces)[0].startswith("Add them")
    assert "<think" not in "".join(texts(pieces))
    assert isinstance(done, Done)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("think", [None, True, False])
def test_thinking_is_apart_whatever_the_generation_does_with_it(
    version: str, think: bool | None, replaying: Start
) -> None:
    """The whole answers of the recordings, as one line of a stream."""
    server = replaying(version, ("r1", f"chat_copy_1.5b_think_{think}"))
    pieces = list(client(server).chat("deepseek-r1:1.5b", SAY_HI, think=think))
    suppressed = think is False and version != "0.6.8"  # 0.6.8 does not know `think`
    assert texts(pieces) == (("", "8") if suppressed else ("Add them.\n", "```\n"))


@pytest.mark.parametrize("version", ["0.9.5", "0.11.4", "0.24.0"])
def test_a_model_that_cannot_think_is_asked_again_without(version: str, replaying: Start) -> None:
    server = replaying(version, ("chat", "think_true_cannot"), ("chat", "stream"))
    pieces = list(client(server).chat("smol", SAY_HI, think=True))
    assert texts(pieces)[1].startswith("Hello")
    assert [body.get("think") for body in server.bodies] == [True, None]


def test_raw_tags_split_over_chunk_borders_are_found(streaming: Start) -> None:
    parts = ["\n", "<th", "ink", ">\nAdd", " them.\n<", "/think", ">\n", "\n8"]
    *pieces, done = client(streaming(*map(chunk, parts), END)).chat("m", SAY_HI)
    assert texts(pieces) == ("Add them.\n<"[:-1], "8")
    assert done == Done(
        Stats(tokens=4, prompt_tokens=9, eval_seconds=2.0, load_seconds=None, total_seconds=None, done_reason="stop")
    )


def test_an_unfinished_tag_at_the_end_is_text(streaming: Start) -> None:
    *pieces, _ = client(streaming(chunk("<thi"), END)).chat("m", SAY_HI)
    assert texts(pieces) == ("", "<thi")


def test_a_tag_in_the_answer_of_a_separating_server_is_text(streaming: Start) -> None:
    *pieces, _ = client(streaming(chunk(thinking="hm"), chunk("<think> is a tag"), END)).chat("m", SAY_HI)
    assert texts(pieces) == ("hm", "<think> is a tag")


def test_an_error_line_inside_a_stream_of_status_200_is_seen(streaming: Start) -> None:
    """Recorded: so it ends when the runner is killed."""
    text = "an error was encountered while running the model: unexpected EOF"
    pieces = client(streaming(chunk("Hel"), {"error": text})).chat("m", SAY_HI)
    with pytest.raises(UnhealthyError, match="unexpected EOF") as caught:
        list(pieces)
    assert caught.value.code == "answer-broken"


@pytest.mark.parametrize("end", [True, False])
def test_a_stream_that_ends_without_done_is_a_failure(end: bool, streaming: Start) -> None:
    """Recorded: a server that gets SIGTERM ends its streams so."""
    pieces = client(streaming(chunk("Hel"), chunk("lo"), end=end)).chat("m", SAY_HI)
    seen = [next(pieces), next(pieces)]
    with pytest.raises(UnhealthyError) as caught:
        next(pieces)
    assert (texts(seen)[1], caught.value.code) == ("Hello", "answer-cut")


def test_a_line_that_is_not_json_is_not_taken_for_an_answer(serve: Start) -> None:
    def answer(handler: Any, *_: Any) -> None:
        handler.send_response(200)
        handler.end_headers()
        handler.wfile.write(b"data: hello\n")

    with pytest.raises(UnhealthyError) as caught:
        list(client(serve(answer)).chat("m", SAY_HI))
    assert caught.value.code == "server-bad-answer"


def test_a_level_of_thinking_is_refused_by_an_ollama_that_knows_none(serve: Start) -> None:
    """Recorded from 0.9.5; 0.34.0 takes low, medium and high of every model."""
    said = "json: cannot unmarshal string into Go struct field ChatRequest.think of type bool"

    def answer(handler: Any, *_: Any) -> None:
        body = json.dumps({"error": said}).encode()
        handler.send_response(400)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    with pytest.raises(UsageError) as refused:
        list(client(serve(answer)).chat("m", SAY_HI, think="low"))
    assert refused.value.code == "think-not-possible"


def test_closing_the_chat_closes_the_connection(serve: Start) -> None:
    """The server stops generating when its client goes (measured)."""
    gone = threading.Event()

    def answer(handler: Any, *_: Any) -> None:
        handler.send_response(200)
        handler.end_headers()
        handler.wfile.write(json.dumps(chunk("a")).encode() + b"\n")
        handler.wfile.flush()
        handler.connection.settimeout(5)
        if handler.connection.recv(1) == b"":
            gone.set()

    pieces = client(serve(answer)).chat("m", SAY_HI)
    assert next(pieces) == Answer("a")
    pieces.close()
    assert gone.wait(5)
