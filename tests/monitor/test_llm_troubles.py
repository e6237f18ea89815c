"""What is down, and what cannot be seen: told once, and never as something else."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from runtime import FakeRuntime
from scripted_engine import scripted_engine
from small_ollama import SmallOllama, small_ollama
from watched_llm import NAME, deployed_ollama, fake_runtime, label, server_of, soon, watching

from jetson_deploy.deployment.record import LABEL
from jetson_deploy.errors import UsageError
from jetson_deploy.monitor.llm.ledger import Ledger
from jetson_deploy.monitor.llm.log_follower import LogFollower
from jetson_deploy.monitor.llm.log_reader import LogReader
from jetson_deploy.monitor.llm.watch import LlmWatch
from jetson_deploy.monitor.model_parts import Llm, Server
from jetson_deploy.monitor.sample import SourceFailure
from jetson_deploy.runtime.opened import runtime_at

TIMING = Path(__file__).parent / "data" / "llm" / "timing-b-n_decoded.log"


@contextlib.contextmanager
def _followed(runtime: FakeRuntime, reader: LogReader) -> Iterator[LogFollower]:
    follower = LogFollower(runtime, reader)
    follower.start()
    follower.follow(NAME)
    while not follower.follows:
        time.sleep(0.005)
    try:
        yield follower
    finally:
        follower.close()


@pytest.fixture
def runtime() -> FakeRuntime:
    return fake_runtime()


@pytest.fixture
def ollama(runtime: FakeRuntime) -> Iterator[SmallOllama]:
    with deployed_ollama(runtime) as found:
        yield found


def test_a_server_that_is_down_is_down_and_no_trouble(runtime: FakeRuntime, ollama: SmallOllama) -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    label(runtime, name="default", port=str(port))
    with watching(runtime) as watch:
        llm, troubles = watch.read()
    assert (server_of(llm), llm.models, troubles) == (Server(up=False, endpoint=f"http://127.0.0.1:{port}"), (), ())


def test_a_container_that_was_killed_is_shown_and_its_port_not_asked(runtime: FakeRuntime, ollama: SmallOllama) -> None:
    runtime.end_run(NAME, 137, oom_killed=True)
    with watching(runtime) as watch:
        llm, troubles = watch.read()
    assert llm.container is not None
    assert (llm.container.state, llm.container.exit_code, llm.container.oom_killed) == ("exited", 137, True)
    assert (llm.container.cpu_seconds, llm.container.memory_bytes) == (None, None)
    assert (server_of(llm).up, troubles, ollama.asked) == (False, (), [])


def test_another_program_at_the_port_is_one_trouble(runtime: FakeRuntime) -> None:
    with small_ollama() as other:
        other.models = [{"no": "name"}]
        label(runtime, name="default", port=str(other.port))
        with watching(runtime) as watch:
            llm, troubles = watch.read()
    assert not server_of(llm).up
    assert [one.source for one in troubles] == ["ollama"]


def test_an_engine_that_is_away_is_one_trouble_and_the_server_is_asked_on(
    runtime: FakeRuntime, ollama: SmallOllama
) -> None:
    with watching(runtime) as watch:
        assert watch.read()[0].container is not None
        runtime.away = "the engine is away"
        llm = soon(watch, lambda _, troubles: [one.source for one in troubles] == ["engine"])
        assert (llm.container, server_of(llm).up) == (None, True)
        assert llm.deployment is not None
        runtime.away = ""
        soon(watch, lambda llm, troubles: llm.container and troubles == ())


def test_a_log_that_cannot_be_read_is_one_trouble(runtime: FakeRuntime, ollama: SmallOllama) -> None:
    runtime.logs_refused = "configured logging driver does not support reading"
    with watching(runtime) as watch:
        llm = soon(watch, lambda _, troubles: [one.source for one in troubles] == ["log"])
        assert "does not support reading" in watch.read()[1][0].why
        assert server_of(llm).tokens_from is None


def test_a_log_whose_last_lines_cannot_be_read_is_followed_from_now_on(runtime: FakeRuntime) -> None:
    runtime.log_damaged = "the power went while it was written"
    ledger = Ledger()
    runtime.write(NAME, *TIMING.read_text().splitlines())
    with _followed(runtime, LogReader(ledger, lambda: "r1")) as follower:
        assert (follower.problem, ledger.models()) == (None, {})
        runtime.write(NAME, *TIMING.read_text().splitlines())
        deadline = time.monotonic() + 60
        while not ledger.models():
            assert time.monotonic() < deadline
            time.sleep(0.005)


def test_a_fault_over_a_line_is_told_and_the_log_followed_on(runtime: FakeRuntime, ollama: SmallOllama) -> None:
    first, second = threading.Event(), threading.Event()

    def model() -> str:
        if first.is_set():
            second.set()
            return "r1"
        first.set()
        raise KeyError("r1")

    with _followed(runtime, LogReader(Ledger(), model)) as follower:
        runtime.write(NAME, *TIMING.read_text().splitlines())
        assert first.wait(10)
        assert second.wait(10)
        assert follower.problem is None


def test_an_engine_that_answers_nonsense_is_one_trouble() -> None:
    with scripted_engine() as engine:
        labels = {LABEL + "name": "default", LABEL + "revision": "3"}
        engine.answers = {
            "GET /containers/json": (200, [{"Id": "c3", "Names": [f"/{NAME}"], "Labels": labels}]),
            "GET /containers/c3/json": (200, {"Id": 1}),
        }
        watch = LlmWatch(runtime_at(engine.host).quick(2.0), "default", None, period=0.05)
        watch.start()
        soon(watch, lambda _, troubles: [one.source for one in troubles] == ["engine"])
        watch.close()


def test_an_engine_that_hangs_does_not_hold_up_the_first_picture() -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        watch = LlmWatch(runtime_at(f"tcp://127.0.0.1:{deaf.getsockname()[1]}").quick(3600.0), "default", None)
        watch.start()  # to wait for the engine would be to wait for an hour
        assert watch.read() == (Llm(), (SourceFailure(source="engine", why="no answer yet"),))
    watch.close()


@pytest.mark.parametrize("endpoint", ["https://127.0.0.1", "127.0.0.1:11434", "http://127.0.0.1:99999"])
def test_an_endpoint_that_is_no_address_is_refused_at_once(endpoint: str) -> None:
    with pytest.raises(UsageError) as refused:
        LlmWatch(None, "default", endpoint)
    assert refused.value.code == "bad-endpoint"
