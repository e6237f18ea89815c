"""The four questions against small servers on a unix socket, good and odd."""

from __future__ import annotations

import contextlib
import json
import socket
import socketserver
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from jetson_deploy.errors import PreflightError
from jetson_deploy.facts import EngineAnswers
from jetson_deploy.runtime.docker.answers import installed as engine_installed
from jetson_deploy.runtime.docker.patience import Patience
from jetson_deploy.runtime.docker.runtime import DockerRuntime
from jetson_deploy.runtime.docker.sdk import connect

GOOD = {
    "/version": {"Version": "27.5.1", "ApiVersion": "1.47"},
    "/info": {"Runtimes": {"nvidia": {}}},
    "/containers/json?all=1": [{"Id": "ab"}],
    "/images/json": [],
}


def ask(host: str, look: float = 20.0) -> EngineAnswers:
    return DockerRuntime(host, Patience(look=look)).answers()


Serve = Callable[[Callable[[str], tuple[int, bytes]]], str]


@pytest.fixture
def short_path() -> Iterator[Path]:
    """A unix socket's path has at most 108 bytes: pytest's own folders are too deep."""
    with tempfile.TemporaryDirectory(dir="/tmp", prefix="jd") as folder:
        yield Path(folder) / "s"


@pytest.fixture
def serve(short_path: Path) -> Iterator[Serve]:
    servers: list[tuple[socketserver.BaseServer, threading.Thread]] = []

    def start(answer: Callable[[str], tuple[int, bytes]]) -> str:
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def address_string(self) -> str:
                return "unix"

            def do_GET(self) -> None:
                status, body = answer(self.path)
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: Any) -> None:
                pass

        server = socketserver.ThreadingUnixStreamServer(str(short_path), Handler)
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        servers.append((server, thread))
        return f"unix://{short_path}"

    yield start
    for server, thread in servers:
        server.shutdown()
        thread.join()
        server.server_close()


def good(path: str) -> tuple[int, bytes]:
    return 200, json.dumps(GOOD[path]).encode()


def test_the_answers_are_passed_on_as_they_are(serve: Serve) -> None:
    answers = ask(serve(good))
    assert answers.problem is None
    assert [answers.version, answers.info, answers.containers, answers.images] == list(GOOD.values())


def test_an_absent_socket_is_told_by_both_ways(short_path: Path) -> None:
    host = f"unix://{short_path}"
    assert ask(host).problem == f"nothing is at {host}"
    with pytest.raises(PreflightError) as caught:
        connect(host)
    assert (caught.value.code, caught.value.exit_code) == ("engine-absent", 3)


def test_a_dead_socket_is_told_by_both_ways(short_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(short_path))
    host = f"unix://{short_path}"
    assert "refused" in (ask(host).problem or "")
    with pytest.raises(PreflightError) as caught:
        connect(host)
    assert caught.value.code == "engine-refused"


def test_a_hung_engine_is_told_by_both_ways(short_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as hung:
        hung.bind(str(short_path))
        hung.listen()
        host = f"unix://{short_path}"
        assert ask(host, 0.2).problem == "hung"
        with pytest.raises(PreflightError) as caught:
            connect(host, timeout=0.2)
    assert caught.value.code == "engine-hung"


def test_the_engines_own_words_are_kept(serve: Serve) -> None:
    answers = ask(serve(lambda _: (500, b'{"message":"layer store is broken"}')))
    assert (answers.problem, answers.info) == ("layer store is broken", None)


@pytest.mark.parametrize("body", [b"<html>", b"[]", b"7", b"", b"\xff"])
def test_another_program_on_the_socket_is_not_taken_for_an_engine(body: bytes, serve: Serve) -> None:
    answers = ask(serve(lambda _: (200, body)))
    assert "not the Docker Engine's" in (answers.problem or "")


def test_a_server_that_is_no_engine_is_refused_by_connect(serve: Serve) -> None:
    with pytest.raises(PreflightError) as caught:
        connect(serve(lambda _: (404, b"nothing here")))
    assert caught.value.code == "engine-refused"


def test_asking_does_not_import_the_sdk(short_path: Path) -> None:
    code = (
        "import sys\nfrom jetson_deploy.runtime.opened import runtime_at\n"
        f"problem = runtime_at('unix://{short_path}').facts().problem\n"
        "print(problem, [m for m in ('docker', 'requests') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == f"nothing is at unix://{short_path} []"


def test_an_engine_that_hangs_is_told_by_its_first_answer_alone(short_path: Path) -> None:
    """The first question has a patience of its own; whoever asks again at once is not made to wait again."""
    with socket.socket(socket.AF_UNIX) as hung:
        hung.bind(str(short_path))
        hung.listen()
        patience = Patience(look=20.0, first=0.3)
        problems = [DockerRuntime(f"unix://{short_path}", patience).answers().problem for _ in range(3)]
        asked = connections(hung)
    assert (problems, asked) == (["hung"] * 3, 1)


def connections(listening: socket.socket) -> int:
    """How many were made that wait to be taken."""
    listening.setblocking(False)
    made = 0
    with contextlib.suppress(BlockingIOError):
        while True:
            listening.accept()[0].close()
            made += 1
    return made


def test_the_usual_patience_for_an_engine_that_hangs_is_ten_seconds() -> None:
    assert Patience().first == 10.0
    assert Patience().look > Patience().first  # a list of images takes longer on an SD card


@pytest.mark.parametrize(
    ("usual", "installed", "bound", "problem"),
    [
        (True, True, False, "stopped"),
        (True, False, False, "absent"),
        (False, True, False, "absent"),
        (True, True, True, "stopped"),
        (True, False, True, "stopped"),
    ],
)
def test_a_stopped_engine_is_not_an_absent_one(
    short_path: Path, tmp_path: Path, usual: bool, installed: bool, bound: bool, problem: str
) -> None:
    """`systemctl stop docker docker.socket` takes the socket away; a killed engine leaves it, and nothing listens."""
    if bound:
        with socket.socket(socket.AF_UNIX) as dead:
            dead.bind(str(short_path))
    if installed:
        (tmp_path / "dockerd").write_text("#!/bin/sh\n")
        (tmp_path / "dockerd").chmod(0o755)
    program = _ASK.format(path=short_path, usual=usual)
    environment = {"PATH": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == (problem if installed or bound else _where_none_is_put(usual)), done


def _where_none_is_put(usual: bool) -> str:
    """The machine of the test may have an engine of its own."""
    return "stopped" if usual and engine_installed() else "absent"


_ASK = """
from jetson_deploy.runtime.docker.answers import ask
from jetson_deploy.runtime.docker.answers import installed as engine_installed
from jetson_deploy.runtime.docker.patience import Patience
from jetson_deploy.runtime.docker.wire import PlainWire
print(ask(PlainWire("unix://{path}"), Patience(), usual={usual}).problem)
"""
