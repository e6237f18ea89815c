"""The client against the real Ollama and real tokens. The last tests kill the runner and the server."""

from __future__ import annotations

import os
import signal
import time

import psutil
import pytest
from real_ollama import MODEL, RealOllama, real_ollama

from jetson_deploy.errors import UnhealthyError
from jetson_deploy.server.exchange import Answer, Done, Message
from jetson_deploy.server.ollama.access import GENERATE, tells_use
from jetson_deploy.server.ollama.client import OllamaClient
from jetson_deploy.server.ollama.log import read_server_log

__all__ = ["real_ollama"]
pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

LONG = (Message(role="user", content="Count from one to five hundred in words."),)


@pytest.fixture
def client(real_ollama: RealOllama) -> OllamaClient:
    return OllamaClient(real_ollama.base_url, timeout=10)


def test_the_model_in_the_store_is_listed_with_its_manifests_digest(
    real_ollama: RealOllama, client: OllamaClient
) -> None:
    (model,) = client.models()
    assert (model.name, model.digest) == (MODEL, real_ollama.manifest_digest)


def test_the_log_tells_a_clients_request_from_our_own(real_ollama: RealOllama, client: OllamaClient) -> None:
    def uses() -> int:
        return sum(map(tells_use, real_ollama.log.read_text().splitlines()))

    before = uses()
    client.generate(MODEL, "Say hi.", max_tokens=1, timeout=120)
    client.probe(MODEL, "", max_tokens=1, context=None, timeout=120)
    assert real_ollama.log.read_text().count(f'POST     "{GENERATE}"') >= 2
    assert uses() == before
    assert list(client.chat(MODEL, (Message(role="user", content="Hi"),), max_tokens=1, timeout=120))
    deadline = time.monotonic() + 120
    while uses() == before and time.monotonic() < deadline:  # the line comes after the answer
        time.sleep(0.05)
    assert uses() == before + 1


def test_real_tokens_are_generated_on_the_cpu_and_said_so(real_ollama: RealOllama, client: OllamaClient) -> None:
    answer = client.generate(MODEL, "Say hi.", max_tokens=8, timeout=120)
    assert 1 <= answer.tokens <= 8
    assert answer.text
    (running,) = client.running()
    assert (running.name, running.digest) == (MODEL, real_ollama.manifest_digest)
    assert (running.gpu_bytes, running.gpu_share) == (0, 0.0)
    log = read_server_log(real_ollama.log.read_text())
    assert (log.library, log.offloaded_layers, log.version) == ("cpu", (0, 31), client.version())
    assert log.listening == real_ollama.base_url.removeprefix("http://")


def test_a_chat_streams_and_retries_without_thinking(client: OllamaClient) -> None:
    *pieces, done = client.chat(MODEL, (Message(role="user", content="Say hi."),), think=True, timeout=120)
    assert all(isinstance(piece, Answer) for piece in pieces)
    assert pieces
    assert isinstance(done, Done)
    assert done.stats.tokens >= 1


def test_an_unknown_model_is_not_found(client: OllamaClient) -> None:
    with pytest.raises(UnhealthyError) as caught:
        client.generate("nope:1b", "Hi", max_tokens=1)
    assert caught.value.code == "model-not-found"


def test_a_missing_template_blob_is_told_as_a_missing_file(real_ollama: RealOllama, client: OllamaClient) -> None:
    blob = min((real_ollama.store / "blobs").iterdir(), key=lambda path: path.stat().st_size)
    away = real_ollama.store / "away"
    blob.rename(away)
    try:
        with pytest.raises(UnhealthyError) as caught:
            client.generate(MODEL, "Hi", max_tokens=1)
    finally:
        away.rename(blob)
    assert caught.value.code == "model-blob-missing"


def test_a_killed_runner_breaks_the_answer_and_the_next_one_works(
    real_ollama: RealOllama, client: OllamaClient
) -> None:
    pieces = client.chat(MODEL, LONG, timeout=120)
    next(pieces)
    (runner,) = psutil.Process(real_ollama.process.pid).children()
    os.kill(runner.pid, signal.SIGKILL)
    with pytest.raises(UnhealthyError) as caught:
        list(pieces)
    assert caught.value.code == "answer-broken"
    assert client.generate(MODEL, "Say hi.", max_tokens=2, timeout=120).tokens >= 1


def test_a_stopped_server_cuts_the_answer(real_ollama: RealOllama, client: OllamaClient) -> None:
    pieces = client.chat(MODEL, LONG, timeout=120)
    next(pieces)
    real_ollama.process.terminate()
    with pytest.raises(UnhealthyError) as caught:
        list(pieces)
    assert caught.value.code == "answer-cut"
    real_ollama.process.wait(timeout=120)
    assert not client.alive()
