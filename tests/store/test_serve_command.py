"""`jetson-deploy model serve` as a person and a program meet it: a process, its output, its exit code."""

from __future__ import annotations

import contextlib
import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from registry_server import Model, small_model
from served_store import HUGE, OLLAMA, put, put_huge

from jetson_deploy.errors import UsageError
from jetson_deploy.events import Event, Note
from jetson_deploy.store.serve.listen import ListenAddress, parse_listen
from jetson_deploy.store.serve.tally import QUIET_SECONDS, Tally

COMMAND = [sys.executable, "-m", "jetson_deploy", "model", "serve"]
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent"}


@pytest.fixture
def model(store: Path) -> Model:
    return put(store, f"{OLLAMA}/library/deepseek-r1/7b", small_model(5000))


def hear_ctrl_c() -> None:
    """Also where the tests run in the background, with SIGINT ignored."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@contextlib.contextmanager
def started(store: Path, *options: str) -> Iterator[subprocess.Popen[str]]:
    argv = [*COMMAND, "--store", str(store), *options]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT) as process:
        try:
            yield process
        finally:
            process.kill()


def ended(process: subprocess.Popen[str], number: signal.Signals) -> tuple[int, str, str]:
    process.send_signal(number)
    out, err = process.communicate(timeout=120)
    return process.returncode, out, err


def get(url: str, path: str) -> bytes:
    with requests.Session() as session:
        session.trust_env = False
        return session.get(f"{url}/v2/library/{path}").content


def test_it_says_where_it_serves_and_in_the_end_what(store: Path, model: Model) -> None:
    put_huge(store, 1).unlink()
    with started(store, "--listen", "127.0.0.1:0", "-v") as process:
        assert process.stdout is not None
        ready = process.stdout.readline()
        assert ready.startswith(f"serving {store} at http://127.0.0.1:")
        assert get(ready.split()[-1], "deepseek-r1/manifests/7b") == model.manifest
        code, out, err = ended(process, signal.SIGTERM)
    assert (code, out) == (0, "")
    assert "there is no login and no TLS: whoever reaches 127.0.0.1:" in err
    assert "models: deepseek-r1:7b\n" in err
    assert "incomplete, verify --repair helps: huge:latest\n" in err
    assert "127.0.0.1 GET /v2/library/deepseek-r1/manifests/7b 200, " in err
    assert f"served requests: 1, clients: 1, sent: {len(model.manifest)} B" in err


def test_the_document_comes_when_it_is_ready(store: Path, model: Model) -> None:
    with started(store, "--listen", "[::1]:0", "--json", "--limit-rate", "1.5M", "--connections", "3") as process:
        assert process.stdout is not None
        text = ""
        while not text.endswith("}\n"):
            text += process.stdout.readline()
        document = json.loads(text)
        assert get(document["url"], "deepseek-r1/manifests/7b") == model.manifest
        code, out, err = ended(process, signal.SIGINT)
    assert (code, out) == (0, "")
    assert "served requests: 1" in err
    assert document == {
        "schema": "jetson-deploy.model-serve/1",
        "store": str(store),
        "url": f"http://[::1]:{document['port']}",
        "host": "::1",
        "port": document["port"],
        "models": ["deepseek-r1:7b"],
        "incomplete": [],
        "connections": 3,
        "bytes_per_second": 1.5 * (1 << 20),
    }


def test_events_end_with_finished_also_in_the_middle_of_a_transfer(store: Path) -> None:
    put_huge(store, 50 << 20)
    with started(store, "--listen", "127.0.0.1:0", "--events", "--limit-rate", "10K") as process:
        assert process.stdout is not None
        lines: list[dict[str, Any]] = []
        while not lines or "schema" not in lines[-1]:
            lines.append(json.loads(process.stdout.readline()))
        with requests.get(f"{lines[-1]['url']}/v2/library/huge/blobs/{HUGE}", stream=True, timeout=5) as answer:
            assert answer.raw.read(1) == b"\0"
            code, out, _ = ended(process, signal.SIGTERM)
    last = [json.loads(line) for line in out.splitlines()]
    assert code == 0
    assert last[-2]["event"] == "note" and last[-2]["text"].startswith("served requests: ")
    assert (last[-1]["event"], last[-1]["exit_code"], last[-1]["result"]) == ("finished", 0, "done")


REFUSED = [
    (["--listen", ":5000"], 2, "names no host", "0.0.0.0:5000"),
    (["--listen", "127.0.0.1:0", "--limit-rate", "fast"], 2, "'fast' is not a rate", "500K"),
    (["--listen", "127.0.0.1:0", "--store", "/nonexistent/store"], 3, "is not there", "--store DIR"),
    (["--listen", "192.0.2.1:5000"], 3, "cannot listen at 192.0.2.1:5000", "ip address"),
    ([], 2, "Missing option '--listen'", "--help"),
]


@pytest.mark.parametrize(
    ("options", "code", "cause", "fix"), REFUSED, ids=lambda v: " ".join(v) if isinstance(v, list) else ""
)
def test_what_cannot_be_served_is_refused_in_two_lines(
    store: Path, model: Model, options: list[str], code: int, cause: str, fix: str
) -> None:
    argv = [*COMMAND, "--store", str(store), *options]
    done = subprocess.run(argv, capture_output=True, text=True, env=ENVIRONMENT, timeout=120, check=False)
    assert (done.returncode, done.stdout) == (code, "")
    error, hint = done.stderr.splitlines()
    assert error.startswith("error: ") and cause in error
    assert hint.startswith("hint: ") and fix in hint


def test_a_port_that_is_taken_is_said(store: Path, model: Model) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with started(store, "--listen", f"127.0.0.1:{port}") as process:
            _, err = process.communicate(timeout=120)
    assert process.returncode == 3
    assert err.startswith(
        f"error: cannot listen at 127.0.0.1:{port}: Address already in use\nhint: choose another port"
    )


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("0.0.0.0:5000", ("0.0.0.0", 5000)),
        ("[::]:0", ("::", 0)),
        ("[fe80::1%eth0]:65535", ("fe80::1%eth0", 65535)),
        ("orin-3.local:80", ("orin-3.local", 80)),
    ],
)
def test_an_address_is_read(text: str, address: tuple[str, int]) -> None:
    assert parse_listen(text) == ListenAddress(*address)


@pytest.mark.parametrize(
    "text", ["", "5000", "host", "::1:5000", "a:65536", "a:-1", "a:5000 ", "http://a:5000", "[a]:1"]
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"address to listen at|names no host") as refused:
        parse_listen(text)
    assert refused.value.code == "bad-listen"


def test_warnings_of_a_kind_come_one_in_five_seconds() -> None:
    events: list[Event] = []
    now = [0.0]
    tally = Tally(events.append, clock=lambda: now[0])
    for _ in range(1000):
        tally.refuse("full")
    tally.warn("cut", "a blob was cut")
    now[0] += QUIET_SECONDS
    tally.refuse("full")
    assert [event.text for event in events if isinstance(event, Note)] == [
        "a connection was refused: full",
        "a blob was cut",
        "a connection was refused: full (999 more since the last time)",
    ]
    assert tally.totals.refused == 1001


def test_each_client_is_told_once() -> None:
    events: list[Event] = []
    tally = Tally(events.append)
    for address in ["10.0.0.1", "10.0.0.2"] * 50 + [f"::{number}" for number in range(2000)]:
        tally.client(address)
    assert len(events) == tally.totals.clients == 1000
