"""Files that change while they are served, and a machine in trouble: never a wrong byte, never a wrong "not there"."""

from __future__ import annotations

import os
import resource
import socket
from pathlib import Path

import pytest
from registry_server import small_model
from served_store import BLOB, MANY, OLLAMA, get, put, put_huge, read_all, serving_store, status_and_body

from jetson_deploy.errors import PreflightError
from jetson_deploy.store.serve.connection import transfer
from jetson_deploy.store.serve.descriptors import reserve_descriptors


def test_a_blob_that_became_shorter_ends_the_connection(store: Path) -> None:
    file = put_huge(store, MANY)
    with serving_store(store) as served, served.connect() as link:
        link.sendall(get(BLOB))
        head = link.recv(1000)
        os.truncate(file, 1000)
        assert len(read_all(link)) < MANY - 1000
    assert f"Content-Length: {MANY}\r\n".encode() in head
    assert any("became shorter" in note for note in served.notes)


def test_a_blob_that_was_replaced_keeps_its_bytes(store: Path, tmp_path: Path) -> None:
    file = put_huge(store, MANY)
    with serving_store(store) as served, served.connect() as link:
        link.sendall(get(BLOB, "Connection: close"))
        link.recv(1)
        (tmp_path / "new").write_bytes(b"x" * 10)
        (tmp_path / "new").replace(file)
        body = read_all(link).partition(b"\r\n\r\n")[2]
    assert len(body) == MANY
    assert not body.strip(b"\0")


def test_a_machine_without_descriptors_has_no_answer_now(store: Path) -> None:
    """404 would make a neighbour give up on a model that is here."""
    put(store, f"{OLLAMA}/library/deepseek-r1/7b", small_model(5000))
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with serving_store(store) as served, served.connect() as link:
        link.sendall(get("/v2/"))
        assert status_and_body(link.recv(1000))[0] == 200
        probe = os.dup(0)
        os.close(probe)
        resource.setrlimit(resource.RLIMIT_NOFILE, (probe, hard))
        try:
            link.sendall(get("/v2/library/deepseek-r1/manifests/7b"))
            answer = link.recv(1000)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        link.sendall(get("/v2/library/deepseek-r1/manifests/7b"))
        assert status_and_body(link.recv(1000))[0] == 200
    assert status_and_body(answer) == (503, b"")
    assert b"\r\nRetry-After: 5\r\n" in answer
    assert any("Too many open files" in note for note in served.notes)


def test_more_connections_than_open_files_are_refused_before_the_first() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with pytest.raises(PreflightError, match="open files") as refused:
        reserve_descriptors(hard)
    assert refused.value.code == "too-few-descriptors"


def test_a_file_that_knows_no_sendfile_is_copied() -> None:
    """/proc/self/auxv is such a one, and never changes."""
    ours, theirs = socket.socketpair()
    with ours, theirs, Path("/proc/self/auxv").open("rb") as file:
        sent = transfer(ours, file.fileno(), 16, 64)
        assert theirs.recv(1000) == Path("/proc/self/auxv").read_bytes()[16 : 16 + sent]
    assert sent == 64
