"""What is asked of a llama-server, and how its recorded answers are read."""

from __future__ import annotations

import json
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from jetson_deploy.errors import JetsonDeployError, UnhealthyError, UsageError
from jetson_deploy.server.exchange import Answer, Done, Message, Probed
from jetson_deploy.server.llama_cpp.client import LlamaClient

RECORDED = json.loads((Path(__file__).parents[1] / "data" / "llama-server" / "b10434.json").read_text())
SAY_HI = (Message(role="user", content="Say hi."),)
Start = Callable[..., Any]


def answering(handler: BaseHTTPRequestHandler, method: str, path: str, body: Any, also: dict[str, str]) -> None:
    key = f"{method} {path}" + (" stream" if isinstance(body, dict) and body.get("stream") else "")
    found = RECORDED.get(also.get(key, key), RECORDED["GET /api/tags"])
    data = found["body"].encode()
    handler.send_response(found["status"])
    handler.send_header("Content-Length", str(len(data)))
    handler.end_headers()
    handler.wfile.write(data)


@pytest.fixture
def recorded(serve: Start) -> Start:
    """A server that answers as recorded; `also`: the request → the recording that it gets instead."""
    return lambda **also: serve(
        lambda handler, method, path, body: answering(handler, method, path, body, also.get("instead", {}))
    )


def client(server: Any) -> LlamaClient:
    return LlamaClient(server.base_url, timeout=5.0)


def test_a_server_that_has_loaded_is_alive_and_tells_its_build(recorded: Start) -> None:
    llama = client(recorded())
    assert llama.alive()
    assert llama.version() == "b1-7e4c0a9"


def test_one_that_loads_is_not_alive_and_says_so(recorded: Start) -> None:
    llama = client(recorded(instead={"GET /health": "GET /health loading"}))
    assert not llama.alive()
    with pytest.raises(UnhealthyError) as refused:
        llama.check_reachable()
    assert (refused.value.code, refused.value.message) == ("server-busy", "the server is loading its model")


def test_what_is_no_llama_server_is_not_alive(saying: Start) -> None:
    assert not client(saying(200, b"Ollama is running")).alive()


def test_its_one_model_is_listed_and_in_memory_without_a_manifest_and_without_a_share_of_the_gpu(
    recorded: Start,
) -> None:
    llama = client(recorded())
    (listed,), (running,) = llama.models(), llama.running()
    assert (listed.name, listed.digest, listed.size) == ("smollm2", None, 96_576_768)
    assert (running.name, running.context_length, running.quantization) == ("smollm2", 1024, "Q4_1")
    assert (running.gpu_bytes, running.gpu_share) == (None, None)


def test_a_text_is_gone_on_with_as_it_is(recorded: Start) -> None:
    server = recorded()
    answer = client(server).generate("smollm2", "The capital of France is", max_tokens=4, raw=True)
    assert (answer.text, answer.tokens, answer.prompt_tokens, answer.done_reason) == (" Paris.\n\n", 4, 5, "length")
    assert answer.tokens_per_second == pytest.approx(4 / 0.046582)
    assert server.bodies[-1]["prompt"] == "The capital of France is"
    assert server.bodies[-1]["cache_prompt"] is False, "what it remembers measures nothing"


def test_an_answer_is_generated_with_the_template_and_its_speed(recorded: Start) -> None:
    server = recorded()
    answer = client(server).generate("smollm2", "Say hi.", max_tokens=8)
    assert (answer.text, answer.thinking) == ("Hello there, welcome to my world!", "")
    assert (answer.tokens, answer.prompt_tokens, answer.done_reason) == (8, 33, "length")
    assert answer.tokens_per_second == pytest.approx(8 / 0.127887)
    assert server.bodies[-1]["messages"] == [{"role": "user", "content": "Say hi."}]


def test_no_limit_below_one_is_sent(recorded: Start) -> None:
    server = recorded()
    client(server).generate("smollm2", "Say hi.", max_tokens=0)
    assert server.bodies[-1]["max_tokens"] == 1


def test_a_chat_comes_in_pieces_and_ends_with_its_counters(recorded: Start) -> None:
    *pieces, done = client(recorded()).chat("smollm2", SAY_HI, max_tokens=4)
    assert pieces == [Answer("Hello"), Answer(" there"), Answer(","), Answer(" welcome")]
    assert isinstance(done, Done)
    assert (done.stats.tokens, done.stats.prompt_tokens, done.stats.done_reason) == (4, 33, "length")


def test_thinking_is_left_out_by_the_word_that_its_template_reads_and_levels_are_refused(recorded: Start) -> None:
    server = recorded()
    list(client(server).chat("smollm2", SAY_HI, max_tokens=4, think=False))
    assert server.bodies[-1]["chat_template_kwargs"] == {"think": False}
    asked = len(server.bodies)
    with pytest.raises(UsageError) as refused:
        list(client(server).chat("smollm2", SAY_HI, think="low"))
    assert (refused.value.code, len(server.bodies)) == ("think-not-possible", asked)


def test_a_chat_that_ends_without_its_end_is_said(serve: Start) -> None:
    begun = RECORDED["POST /v1/chat/completions stream"]["body"].split("\n\n")[:3]

    def cut(handler: BaseHTTPRequestHandler, method: str, path: str, body: Any) -> None:
        if path == "/v1/models":
            answering(handler, method, path, body, {})
            return
        handler.send_response(200)
        handler.end_headers()
        handler.wfile.write("\n\n".join(begun).encode())

    with pytest.raises(UnhealthyError) as caught:
        list(client(serve(cut)).chat("smollm2", SAY_HI))
    assert caught.value.code == "answer-cut"


def test_a_prompt_that_is_too_long_is_refused_with_what_to_do(recorded: Start) -> None:
    llama = client(recorded(instead={"POST /v1/chat/completions": "POST /v1/chat/completions too long"}))
    with pytest.raises(UsageError) as refused:
        llama.generate("smollm2", "word " * 2000, max_tokens=4)
    assert refused.value.code == "prompt-too-long"
    assert "request (2031 tokens) exceeds the available context size (1024 tokens)" in refused.value.message


def test_another_model_is_never_answered_for(recorded: Start) -> None:
    """It would answer with the one that it has."""
    server = recorded()
    with pytest.raises(UnhealthyError) as refused:
        client(server).generate("deepseek-r1:8b", "Say hi.", max_tokens=1)
    assert refused.value.code == "model-not-found"
    assert server.bodies == [None]


def test_the_empty_probe_asks_its_loop_and_nothing_of_the_model(recorded: Start) -> None:
    server = recorded()
    probed = client(server).probe("smollm2", "", max_tokens=16, context=None, timeout=5)
    assert (probed, server.bodies) == (Probed(problem="", tokens=0), [None])


def test_a_probe_with_a_prompt_is_answered(recorded: Start) -> None:
    probed = client(recorded()).probe("smollm2", "Say hi.", max_tokens=8, context=None, timeout=5)
    assert (probed.problem, probed.tokens, probed.text) == ("", 8, "Hello there, welcome to my world!")


def test_it_does_not_unload_and_says_why(recorded: Start) -> None:
    with pytest.raises(UnhealthyError) as refused:
        client(recorded()).unload("smollm2", timeout=1)
    assert refused.value.code == "model-kept"


@pytest.mark.parametrize("body", [b"", b"null", b"[]", b'{"data": 1}', b'{"choices": [1]}', b"\xff\x00"])
def test_whatever_a_port_answers_is_an_error_of_ours(body: bytes, saying: Start) -> None:
    llama = client(saying(200, body))
    for ask in (llama.version, llama.models, llama.running, lambda: list(llama.chat("m", SAY_HI))):
        with pytest.raises(JetsonDeployError):
            ask()
