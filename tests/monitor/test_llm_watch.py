"""The model's side beside a runtime in memory and a small server."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from runtime import FakeRuntime
from small_llama_server import llama_server
from small_ollama import SmallOllama, small_ollama
from watched_llm import NAME, deployed_ollama, fake_runtime, label, server_of, soon, watching

from jetson_deploy.monitor.llm.tap import Tap
from jetson_deploy.monitor.model_parts import Container, Deployment, Llm, Model, Server

DATA = Path(__file__).parent / "data" / "llm"
TIMING = [
    "slot launch_slot_: id  0 | task 7 | processing task, is_child = 0",
    "slot print_timing: id  0 | task 7 | n_gen =    177, tg =  58.47 t/s, tg_3s =  58.80 t/s",
    "slot print_timing: id  0 | task 7 | prompt eval time =  45.10 ms /     4 tokens (   11.28 ms per token, 88.68 …",
    "slot print_timing: id  0 | task 7 |        eval time =    9582.12 ms /   500 tokens (   19.20 ms per token, …",
    "slot      release: id  0 | task 7 | stop processing: n_tokens = 503, truncated = 0",
]


@pytest.fixture
def runtime() -> FakeRuntime:
    return fake_runtime()


@pytest.fixture
def ollama(runtime: FakeRuntime) -> Iterator[SmallOllama]:
    with deployed_ollama(runtime) as found:
        yield found


def restarts_of(llm: Llm) -> int | None:
    return llm.container.restarts if llm.container else None


def test_a_deployment_is_found_by_its_labels(runtime: FakeRuntime, ollama: SmallOllama) -> None:
    label(
        runtime, name="default", model="deepseek-r1:8b", port=str(ollama.port), context="4096", parallel="2",
        accept_cpu="true", simulated="rehearsal",
    )  # fmt: skip
    with watching(runtime) as watch:
        # What it uses comes after the first look: the engine may take a second for it.
        llm = soon(watch, lambda llm, _: llm.container and llm.container.memory_bytes)
        _, troubles = watch.read()
    assert llm.deployment == Deployment(
        name="default",
        model="deepseek-r1:8b",
        accept_cpu=True,
        simulated="rehearsal",
        context_tokens=4096,
        parallel=2,
    )
    assert llm.container == Container(
        name=NAME,
        state="running",
        cpu_seconds=2.5,
        memory_bytes=400,
        restarts=0,
        oom_killed=False,
        started_at="2026-06-11T10:00:00.5Z",
    )
    assert server_of(llm) == Server(up=True, endpoint=ollama.url, version="0.9.5")
    assert llm.models == (
        Model(
            name="deepseek-r1:8b",
            family="qwen3",
            quantization="Q4_K_M",
            size_bytes=1000,
            gpu_bytes=750,
            context_tokens=4096,
        ),
    )
    assert llm.models[0].gpu_share == 0.75
    assert troubles == ()


def test_the_version_is_asked_once(runtime: FakeRuntime, ollama: SmallOllama) -> None:
    with watching(runtime) as watch:
        soon(watch, lambda *_: ollama.asked.count("/api/ps") > 3)
    assert ollama.asked.count("/api/version") == 1


def test_tokens_come_from_the_log_from_0_30_on(runtime: FakeRuntime, ollama: SmallOllama) -> None:
    ollama.version = "0.31.2"
    # Before us:
    runtime.write(NAME, *TIMING, '[GIN] 2025/02/24 - 16:32:42 | 200 | 9s | 127.0.0.1 | POST "/api/generate"')
    with watching(runtime) as watch:
        llm = soon(watch, lambda llm, _: server_of(llm).tokens_from == "log")
        assert (llm.models[0].decode_tokens, server_of(llm).in_flight, server_of(llm).decoding) == (0, 0, False)
        runtime.write(NAME, *TIMING[:2])
        llm = soon(watch, lambda llm, _: llm.models[0].decode_tokens == 177)
        assert (server_of(llm).in_flight, server_of(llm).decoding) == (1, True)
        runtime.write(NAME, *TIMING[2:], '[GIN] 2025/02/24 - 16:32:42 | 200 | 12.1s | 127.0.0.1 | POST "/api/generate"')
        llm = soon(watch, lambda llm, _: llm.models[0].decode_tokens == 500 and server_of(llm).requests)
    assert (llm.models[0].prompt_tokens, llm.models[0].context_used_tokens) == (4, 503)
    assert llm.models[0].last_decode_rate == pytest.approx(52.18, abs=0.01)
    assert [(r.path, r.code, r.count) for r in server_of(llm).requests] == [("/api/generate", 200, 1)]
    assert server_of(llm).request_seconds == pytest.approx(12.1)
    assert server_of(llm).in_flight == 0


def test_after_a_restart_the_log_goes_on_and_nothing_is_counted_twice(
    runtime: FakeRuntime, ollama: SmallOllama
) -> None:
    ollama.version = "0.31.2"
    with watching(runtime) as watch:
        soon(watch, lambda llm, _: server_of(llm).tokens_from == "log")
        runtime.write(NAME, *TIMING)
        soon(watch, lambda llm, _: llm.models[0].decode_tokens == 500)
        runtime.crash(NAME)
        runtime.write(NAME, 'msg="Listening on 127.0.0.1:11434 (version 0.31.2)"', *TIMING[:2])
        llm = soon(watch, lambda llm, _: restarts_of(llm) == 1 and llm.models[0].decode_tokens >= 677)
        assert llm.models[0].decode_tokens == 677


def test_below_0_30_the_log_tells_requests_and_no_tokens(runtime: FakeRuntime, ollama: SmallOllama) -> None:
    with watching(runtime) as watch:
        soon(watch, lambda *_: runtime.followed)
        runtime.write(NAME, '[GIN] 2025/02/24 - 16:32:42 | 503 | 117.4µs | 127.0.0.1 | POST "/api/generate"')
        llm = soon(watch, lambda llm, _: server_of(llm).requests)
    assert [(r.path, r.code, r.count) for r in server_of(llm).requests] == [("/api/generate", 503, 1)]
    assert (server_of(llm).tokens_from, server_of(llm).in_flight, server_of(llm).decoding) == (None, None, None)


def test_below_0_30_the_tap_counts_tokens(runtime: FakeRuntime, ollama: SmallOllama) -> None:
    tap = Tap(("127.0.0.1", 0), "http://127.0.0.1:9")
    tap.start()
    body = b'{"model": "deepseek-r1:8b", "prompt": "stream 5"}'
    request = b"POST /api/generate HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
    with watching(runtime, tap=tap) as watch:
        links = [socket.create_connection(("127.0.0.1", tap.port)) for _ in range(3)]
        ollama.hold.clear()
        for link in links:
            link.sendall(request)
        llm = soon(watch, lambda llm, _: server_of(llm).in_flight == 3)
        assert (server_of(llm).queued, server_of(llm).decoding) == (1, None)
        ollama.hold.set()
        llm = soon(watch, lambda llm, _: server_of(llm).in_flight == 0 and len(llm.models) == 2)
        for link in links:
            link.close()
    assert (server_of(llm).tokens_from, server_of(llm).queued) == ("tap", 0)
    assert [(m.name, m.loaded, m.decode_tokens) for m in llm.models] == [
        ("deepseek-r1:8b", True, 0),
        ("smol:latest", False, 15),
    ]
    assert server_of(llm).first_tokens == 3


def test_without_a_deployment_a_given_server_is_watched() -> None:
    with small_ollama() as other:
        runtime = FakeRuntime()
        with watching(runtime, other.url) as watch:
            llm, troubles = watch.read()
        assert (llm.deployment, llm.container, server_of(llm).up, troubles) == (None, None, True, ())
        with watching(None, other.url) as watch:
            llm, troubles = watch.read()
        assert (server_of(llm).up, troubles) == (True, ())


def test_llama_server_is_asked_where_the_log_says_it_is(runtime: FakeRuntime, ollama: SmallOllama) -> None:
    ollama.version = "0.31.2"
    metrics = (DATA / "metrics.txt").read_text().replace("requests_deferred 0", "requests_deferred 2")
    slots = (DATA / "slots.json").read_text().replace('"is_processing": false', '"is_processing": true')
    pages = {"/metrics": metrics.replace("requests_processing 0", "requests_processing 1"), "/slots": slots}
    with llama_server(pages) as port:
        command = f"/usr/lib/ollama/llama-server --port {port} -np 1"
        runtime.write(NAME, f'level=INFO msg="starting llama-server" cmd="{command}"')
        with watching(runtime) as watch:
            llm = soon(watch, lambda llm, _: server_of(llm).queued == 2)
    assert server_of(llm).in_flight == 1
    assert llm.models[0].context_used_tokens == 20


def test_the_tokens_of_a_llama_server_stay_known_while_it_sleeps(runtime: FakeRuntime, ollama: SmallOllama) -> None:
    ollama.version = "0.9.5"  # its log tells no tokens
    pages = {
        "/metrics": (DATA / "metrics.txt").read_text(),
        "/slots": (DATA / "slots.json").read_text(),
        "/props": '{"is_sleeping":false}',
    }
    asked: list[str] = []
    with llama_server(pages, asked) as port:
        runtime.write(NAME, f'level=INFO msg="starting llama-server" cmd="/usr/lib/ollama/llama-server --port {port}"')
        with watching(runtime) as watch:
            soon(watch, lambda llm, _: server_of(llm).tokens_from == "llama-server")
            pages["/props"] = '{"is_sleeping":true}'
            soon(watch, lambda *_: asked[-2:] == ["/props", "/props"])
            llm, _ = watch.read()
    assert (server_of(llm).tokens_from, server_of(llm).in_flight, server_of(llm).queued) == ("llama-server", 0, 0)
