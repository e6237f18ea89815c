"""Streams, queue, slow clients at an exposed endpoint, and what the monitor counts: real HAProxy and Ollama."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator

import pytest
from exposed_board import ADDRESS, SERVER_PORT, ExposedBoard, chat, exposed_board

pytestmark = pytest.mark.integration
LONG = 900
"""Tokens of an answer that lasts until it is left."""
SLOW_SENDER = f"""
import socket, ssl, sys
context = ssl.create_default_context(cafile=sys.argv[1])
with context.wrap_socket(socket.create_connection(("{ADDRESS}", 8443), 60), server_hostname="{ADDRESS}") as link:
    head = ["POST /api/chat HTTP/1.1", "Host: {ADDRESS}", f"X-Api-Key: {{sys.argv[2]}}", "Content-Length: 1000"]
    link.sendall("\\r\\n".join([*head, "", '{{"model":']).encode())
    print(link.recv(4096).decode().splitlines()[0])
"""


@pytest.fixture(scope="module")
def board() -> Iterator[ExposedBoard]:
    """At most one request waits for the model."""
    with exposed_board() as board:
        done = board.expose("--listen", ADDRESS, "--waiting", "1")
        assert done.returncode == 0, done.stderr
        yield board


def requests_of(board: ExposedBoard, path: str) -> int:
    """That have reached the server and ended there, by its own log."""
    return (board.folder / "ollama.log").read_text().count(f'"{path}"')


def in_flight(board: ExposedBoard, name: str) -> int | None:
    """As the monitor says it."""
    door = board.ran("monitor", "--once")["llm"]["door"]
    assert (door["up"], door["listens"]) == (True, f"{ADDRESS}:8443")
    return next((key["in_flight"] for key in door["keys"] if key["name"] == name), None)


def until_in_flight(board: ExposedBoard, name: str, wanted: int) -> None:
    deadline = time.monotonic() + 120
    while in_flight(board, name) != wanted:
        assert time.monotonic() < deadline, f"{name} never had {wanted} requests in flight"


def test_events_of_openais_api_come_one_by_one(board: ExposedBoard) -> None:
    openai = {**chat(1), "max_tokens": 40}
    del openai["options"]
    answer = board.curl("/v1/chat/completions", "-N", key=board.key("events"), body=openai)
    events = [line.removeprefix("data: ") for line in answer.body.splitlines() if line]
    assert (answer.status, "text/event-stream" in answer.headers) == (200, True)
    assert events[-1] == "[DONE]"
    assert len([json.loads(event) for event in events[:-1]]) > 10


def test_a_full_queue_says_when_to_ask_again_and_who_leaves_it_costs_nothing(board: ExposedBoard) -> None:
    one, two, three = board.key("one"), board.key("two"), board.key("three")
    with board.streaming(one, LONG) as served:
        served.line()
        before = requests_of(board, "/api/chat")
        with board.streaming(two, LONG):
            until_in_flight(board, "two", 1)
            refused = board.curl("/api/chat", key=three, body=chat(1))
            assert (refused.status, "retry-after: 10" in refused.headers) == (503, True)
            assert board.curl("/api/tags", key=three).status == 200
        until_in_flight(board, "two", 0)
        served.line()
    until_in_flight(board, "one", 0)
    assert board.curl("/api/chat", key=three, body=chat(1)).status == 200
    # Of `one` and of `three`: what `two` sent never reached the server.
    assert requests_of(board, "/api/chat") == before + 2


def test_a_body_that_does_not_come_reaches_no_server(board: ExposedBoard) -> None:
    key, before = board.key("slow"), requests_of(board, "/api/chat")
    program = board.folder / "slow.py"
    program.write_text(SLOW_SENDER)
    assert board.does("python3", str(program), str(board.ca), key).stdout.strip() == "HTTP/1.1 408 Request Timeout"
    assert requests_of(board, "/api/chat") == before


def test_the_monitor_counts_each_key_and_watches_the_certificate(board: ExposedBoard) -> None:
    key = board.key("counted")
    for _ in range(3):
        assert board.curl("/api/tags", key=key).status == 200
    assert board.curl("/api/pull", key=key, body={}).status == 403
    sample = board.ran("monitor", "--once")
    counted = next(one for one in sample["llm"]["door"]["keys"] if one["name"] == "counted")
    # What the list does not let through is no request of a key.
    assert (counted["requests"], counted["in_flight"]) == (3, 0)
    assert counted["sent_bytes"] > counted["received_bytes"] > 0
    board.systemd.systemctl("stop", "jetson-deploy-expose@default.service")
    try:
        assert board.ran("monitor", "--once")["llm"]["door"]["up"] is False
    finally:
        board.systemd.systemctl("start", "jetson-deploy-expose@default.service")


def test_a_client_of_ollamas_own_library_is_served(board: ExposedBoard) -> None:
    """Unmodified, with its documented `headers` and httpx' `verify`."""
    program = board.folder / "client.py"
    program.write_text(f"""
import ollama, sys
key = {{"Authorization": f"Bearer {{sys.argv[2]}}"}}
client = ollama.Client("https://{ADDRESS}:8443", headers=key, verify=sys.argv[1])
pieces = client.chat({chat(8)["model"]!r}, {chat(8)["messages"]!r}, stream=True, options={{"num_predict": 8}})
print(sum(1 for piece in pieces if piece.message.content))
""")
    done = board.does(sys.executable, str(program), str(board.ca), board.key("library"))
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 4
    assert f"127.0.0.1:{SERVER_PORT}" in board.systemd.run("ss", "-Htln")
