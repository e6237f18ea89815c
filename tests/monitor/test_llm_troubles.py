"""What is down, and what cannot be seen: told once, and never as something else."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from small_docker import SmallDocker, small_docker
from small_ollama import SmallOllama, small_ollama
from watched_llm import deployed_ollama, server_of, soon, watching

from jetson_deploy.errors import UsageError
from jetson_deploy.monitor.llm.ledger import Ledger
from jetson_deploy.monitor.llm.log_follower import LogFollower
from jetson_deploy.monitor.llm.log_reader import LogReader
from jetson_deploy.monitor.llm.watch import LlmWatch
from jetson_deploy.monitor.model_parts import Llm, Server
from jetson_deploy.monitor.sample import Trouble
from jetson_deploy.runtime.opened import runtime_at

TIMING = Path(__file__).parent / "data" / "llm" / "timing-b-n_decoded.log"


@contextlib.contextmanager
def _followed(docker: SmallDocker, reader: LogReader) -> Iterator[LogFollower]:
    follower = LogFollower(runtime_at(docker.host).quick(2.0), reader)
    follower.start()
    follower.follow("jd-default-3")
    while not follower.follows:
        time.sleep(0.005)
    try:
        yield follower
    finally:
        follower.close()


@pytest.fixture
def docker() -> Iterator[SmallDocker]:
    with small_docker() as found:
        yield found


@pytest.fixture
def ollama(docker: SmallDocker) -> Iterator[SmallOllama]:
    with deployed_ollama(docker) as found:
        yield found


def test_a_server_that_is_down_is_down_and_no_trouble(docker: SmallDocker, ollama: SmallOllama) -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    docker.label(name="default", port=str(port))
    with watching(docker) as watch:
        llm, troubles = watch.read()
    assert (server_of(llm), llm.models, troubles) == (Server(up=False, endpoint=f"http://127.0.0.1:{port}"), (), ())


def test_a_container_that_was_killed_is_shown_and_its_port_not_asked(docker: SmallDocker, ollama: SmallOllama) -> None:
    assert docker.container is not None
    docker.container["State"].update(Status="exited", ExitCode=137, OOMKilled=True)
    with watching(docker) as watch:
        llm, troubles = watch.read()
    assert llm.container is not None
    assert (llm.container.state, llm.container.exit_code, llm.container.oom_killed) == ("exited", 137, True)
    assert (llm.container.cpu_seconds, llm.container.memory_bytes) == (None, None)
    assert (server_of(llm).up, troubles, ollama.asked) == (False, (), [])


def test_another_program_at_the_port_is_one_trouble(docker: SmallDocker) -> None:
    with small_ollama() as other:
        other.models = [{"no": "name"}]
        docker.label(name="default", port=str(other.port))
        with watching(docker) as watch:
            llm, troubles = watch.read()
    assert not server_of(llm).up
    assert [one.source for one in troubles] == ["ollama"]


def test_an_engine_that_is_away_is_one_trouble_and_the_server_is_asked_on(
    docker: SmallDocker, ollama: SmallOllama
) -> None:
    with watching(docker) as watch:
        assert docker.container is not None
        assert watch.read()[0].container is not None
        Path(docker.path).rename(docker.path + "-away")
        llm = soon(watch, lambda _, troubles: [one.source for one in troubles] == ["engine"])
        assert (llm.container, server_of(llm).up) == (None, True)
        assert llm.deployment is not None
        Path(docker.path + "-away").rename(docker.path)
        soon(watch, lambda llm, troubles: llm.container and troubles == ())


def test_a_log_that_cannot_be_read_is_one_trouble(docker: SmallDocker, ollama: SmallOllama) -> None:
    docker.refuses = "configured logging driver does not support reading"
    with watching(docker) as watch:
        llm = soon(watch, lambda _, troubles: [one.source for one in troubles] == ["log"])
        assert "does not support reading" in watch.read()[1][0].why
        assert server_of(llm).tokens_from is None


def test_a_fault_over_a_line_is_told_and_the_log_followed_on(docker: SmallDocker, ollama: SmallOllama) -> None:
    first, second = threading.Event(), threading.Event()

    def model() -> str:
        if first.is_set():
            second.set()
            return "r1"
        first.set()
        raise KeyError("r1")

    with _followed(docker, LogReader(Ledger(), model)) as follower:
        docker.write(*TIMING.read_text().splitlines())
        assert first.wait(10)
        assert second.wait(10)
        assert follower.problem is None


def test_an_engine_that_answers_nonsense_is_one_trouble(docker: SmallDocker, ollama: SmallOllama) -> None:
    docker.strange = True
    with watching(docker) as watch:
        soon(watch, lambda _, troubles: [one.source for one in troubles] == ["engine"])


def test_an_engine_that_hangs_does_not_hold_up_the_first_picture() -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        watch = LlmWatch(runtime_at(f"tcp://127.0.0.1:{deaf.getsockname()[1]}").quick(3600.0), "default", None)
        watch.start()  # to wait for the engine would be to wait for an hour
        assert watch.read() == (Llm(), (Trouble(source="engine", why="no answer yet"),))
    watch.close()


@pytest.mark.parametrize("endpoint", ["https://127.0.0.1", "127.0.0.1:11434", "http://127.0.0.1:99999"])
def test_an_endpoint_that_is_no_address_is_refused_at_once(endpoint: str) -> None:
    with pytest.raises(UsageError) as refused:
        LlmWatch(None, "default", endpoint)
    assert refused.value.code == "bad-endpoint"
