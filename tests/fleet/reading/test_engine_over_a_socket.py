"""The engine's answers, as the script on a device takes them: without Python's HTTP module, and the same facts."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from engine_socket import RecordedEngine, engine_socket
from local_device import LocalDevice

from jetson_deploy.catalog.load import load_catalog
from jetson_deploy.deploy.survey import survey
from jetson_deploy.facts import EngineFacts
from jetson_deploy.fleet.reading.facts import facts_of
from jetson_deploy.fleet.reading.read import read
from jetson_deploy.settings import Settings


def engine_of(path: str) -> EngineFacts:
    reading = asyncio.run(read(LocalDevice(environment={"DOCKER_HOST": f"unix://{path}"})))
    facts = facts_of(reading.answer, Settings(), load_catalog(), deployment="default")
    assert facts.engine is not None
    return facts.engine


def test_a_deployment_is_read_as_the_runtime_itself_reads_it() -> None:
    engine = RecordedEngine()
    with engine_socket(engine) as path:
        settings = Settings(docker_host=f"unix://{path}")
        here = survey(Path("/"), settings, load_catalog(), store=None, deployment="default")
        assert engine_of(path) == here.engine
        assert engine.name in {container.name for container in engine_of(path).containers}


@contextlib.contextmanager
def raw_engine(answers: dict[str, bytes]) -> Iterator[str]:
    """What a socket says, byte for byte, by the path that is asked."""
    with tempfile.TemporaryDirectory(prefix="jd") as folder, socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"{folder}/s")
        listener.listen()

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    link, _ = listener.accept()
                    with link:
                        asked = link.recv(4096).split()[1].decode()
                        link.sendall(answers.get(asked, answers["*"]))

        threading.Thread(target=serve, daemon=True).start()
        yield f"{folder}/s"
        listener.shutdown(socket.SHUT_RDWR)


def plain(document: object) -> bytes:
    return b"HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n" + json.dumps(document).encode()


def chunked(document: object) -> bytes:
    body = json.dumps(document).encode()
    pieces = [body[at : at + 7] for at in range(0, len(body), 7)]
    coded = b"".join(b"%x;x=1\r\n%s\r\n" % (len(piece), piece) for piece in pieces)
    return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n" + coded + b"0\r\n\r\n"


@pytest.mark.parametrize("coded", [plain, chunked])
def test_an_answer_is_read_whole_or_in_chunks(coded: object) -> None:
    assert callable(coded)
    info, version = {"Runtimes": {"nvidia": {}}, "DockerRootDir": "/d"}, {"Version": "29.1"}
    with raw_engine({"/version": coded(version), "/info": coded(info), "*": coded([])}) as path:
        engine = engine_of(path)
    assert (engine.reachable, engine.version, engine.runtimes, engine.data_root) == (True, "29.1", ("nvidia",), "/d")


STRANGE = {
    "another protocol": (b"SSH-2.0-OpenSSH\r\n", "no HTTP"),
    "nothing": (b"", "no HTTP"),
    "a refusal": (b"HTTP/1.1 500 no\r\n\r\n{}", "HTTP 500"),
    "no JSON": (b"HTTP/1.1 200 OK\r\n\r\n<html>", None),
    "a chunk without length": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", None),
    "a list for a table": (b"HTTP/1.1 200 OK\r\n\r\n[1]", None),
    "a text for a list": (b'HTTP/1.1 200 OK\r\n\r\n{"Runtimes": 7}', None),
}


@pytest.mark.parametrize("name", STRANGE)
def test_what_is_no_engine_is_unreachable_and_the_rest_of_the_device_is_read(name: str) -> None:
    answer, problem = STRANGE[name]
    with raw_engine({"*": answer}) as path:
        engine = engine_of(path)
    assert not engine.reachable
    assert problem is None or engine.problem == problem
