"""The tap beside a server like Ollama: bytes unchanged, tokens counted, nothing held."""

from __future__ import annotations

import contextlib
import hashlib
import json
import resource
import socket
import time
from collections.abc import Callable, Iterator

import pytest
from small_ollama import PIECE, SmallOllama, small_ollama

from jetson_deploy.errors import PreflightError, UsageError
from jetson_deploy.monitor.llm.ledger import Counts
from jetson_deploy.monitor.llm.tap import Tap


@pytest.fixture
def server() -> Iterator[SmallOllama]:
    with small_ollama() as found:
        yield found


@pytest.fixture
def tap(server: SmallOllama) -> Iterator[Tap]:
    found = Tap(("127.0.0.1", 0), server.url, most=4)
    found.start()
    yield found
    found.close()


def post(prompt: str, path: str = "/api/generate", *, close: bool = True, chunked: bool = False) -> bytes:
    body = json.dumps({"model": "smol", "prompt": prompt}).encode()
    length = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {len(body)}"
    end = "Connection: close\r\n" if close else ""
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{length}\r\n{end}\r\n".encode()
    return head + (b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body) if chunked else body)


def get(path: str, method: str = "GET", *, close: bool = True) -> bytes:
    end = "Connection: close\r\n" if close else ""
    return f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{end}\r\n".encode()


def talk(port: int, request: bytes) -> bytes:
    """Everything that comes until the server closes."""
    with connected(port) as link:
        link.sendall(request)
        return rest(link)


def connected(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=10)


def rest(link: socket.socket) -> bytes:
    found = bytearray()
    while data := link.recv(1 << 16):
        found += data
    return bytes(found)


def until(link: socket.socket, end: bytes) -> bool:
    found = b""
    while not found.endswith(end) and (data := link.recv(4096)):
        found += data
    return found.endswith(end)


def soon(holds: Callable[[], bool], seconds: float = 10.0) -> bool:
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.005)
    return True


def counted(tap: Tap) -> Counts:
    return tap.ledger.models().get("smol:latest", Counts())


CONVERSATIONS = {
    "a streamed answer": post("stream 5"),
    "a whole answer": post("whole_answer 7"),
    "a chunked request": post("stream 3", chunked=True),
    "events": post("events 4", "/v1/chat/completions"),
    "a full queue": post("busy"),
    "an error in the stream": post("broken 2"),
    "a HEAD": get("/", "HEAD"),
    "three requests on one connection": post("stream 2", close=False) + get("/api/ps", close=False) + get("/"),
    "HEAD before GET on one connection": get("/", "HEAD", close=False) + get("/"),
    "an unknown method": get("/", "BREW"),
    "no HTTP at all": b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n",
}


@pytest.mark.parametrize("request_bytes", CONVERSATIONS.values(), ids=CONVERSATIONS)
def test_answers_through_the_tap_are_the_same_bytes(tap: Tap, server: SmallOllama, request_bytes: bytes) -> None:
    assert talk(tap.port, request_bytes) == talk(server.port, request_bytes) != b""


TOKENS = {
    "a streamed answer": (post("stream 5"), 5, 20.0),
    "a whole answer, longer than what is held": (post("whole_answer 7"), 7, 20.0),
    "thinking": (post("think 6", "/api/chat"), 6, 20.0),
    "two answers on one connection": (post("stream 5", close=False) + post("stream 3"), 8, 20.0),
    "a chunked request": (post("stream 3", chunked=True), 3, 20.0),
    "events with their usage": (post("events 4", "/v1/chat/completions"), 4, None),
    "events without": (post("plain_events 4", "/v1/chat/completions"), 4, None),
    "an answer that broke": (post("broken 2"), 2, None),
    "a full queue": (post("busy"), 0, None),
    "not the model's work": (get("/api/ps"), 0, None),
}


@pytest.mark.parametrize(("request_bytes", "tokens", "rate"), TOKENS.values(), ids=TOKENS)
def test_tokens_are_counted(tap: Tap, request_bytes: bytes, tokens: int, rate: float | None) -> None:
    talk(tap.port, request_bytes)
    assert soon(lambda: tap.in_flight == 0 and counted(tap).decode_tokens == tokens)
    assert rate is None or counted(tap).last_decode_rate == pytest.approx(rate)


BROKEN = {
    "no done": (post("cut 3"), 1),
    "an error in the stream": (post("broken 2"), 1),
    "no [DONE]": (post("cut_events 3", "/v1/chat/completions"), 1),
    "a server that is gone in the middle": (post("gone 3", "/api/chat"), 1),
    "a server that is gone before it answers": (post("nothing"), 1),
    "half of a whole answer": (post("short", "/v1/chat/completions"), 1),
    "two of three on one connection": (
        post("cut 1", close=False) + post("stream 2", close=False) + post("cut_events 1", "/v1/completions"),
        2,
    ),
    "no event that ends a response": (post("named response.created response.delta", "/v1/responses"), 1),
    "no event that ends a message": (post("named message_start", "/v1/messages"), 1),
    "a whole response": (post("named response.created response.completed", "/v1/responses"), 0),
    "a response that failed and says so": (post("named response.failed", "/v1/responses"), 0),
    "a whole message": (post("named message_start message_stop", "/v1/messages"), 0),
    "a streamed answer": (post("stream 3"), 0),
    "a whole answer, longer than what is held": (post("whole_answer 7"), 0),
    "events": (post("events 4", "/v1/chat/completions"), 0),
    "a full queue": (post("busy"), 0),
    "not the model's work": (get("/api/ps"), 0),
}


@pytest.mark.parametrize(("request_bytes", "broken"), BROKEN.values(), ids=BROKEN)
def test_an_answer_that_the_server_leaves_without_its_end_mark_is_counted_as_broken(
    tap: Tap, request_bytes: bytes, broken: int
) -> None:
    talk(tap.port, request_bytes)
    assert soon(lambda: tap.in_flight == 0)
    tap.close()  # its thread has counted all that it will
    assert tap.ledger.answers_broken == broken


def test_an_answer_that_the_client_leaves_is_not_broken(tap: Tap, server: SmallOllama) -> None:
    with connected(tap.port) as link:
        link.sendall(post("endless"))
        assert soon(lambda: counted(tap).decode_tokens >= 5)
    assert server.gone.wait(10) and soon(lambda: tap.in_flight == 0)
    talk(tap.port, post("stream 1"))
    assert soon(lambda: len(tap.ledger.answered().requests) > 0) and tap.ledger.answers_broken == 0


def test_what_a_finished_answer_says_of_prompt_context_and_waiting_is_kept(tap: Tap) -> None:
    began = time.monotonic()
    talk(tap.port, post("stream 5"))
    assert soon(lambda: counted(tap).prompt_tokens == 12)
    assert counted(tap).prompt_seconds == pytest.approx(0.1)
    assert counted(tap).context_used_tokens == 17
    assert tap.ledger.first_tokens().count == 1
    assert 0 < (tap.ledger.first_tokens().last_seconds or 0) < time.monotonic() - began
    assert [(r.path, r.code, r.count) for r in tap.ledger.answered().requests] == [("/api/generate", 200, 1)]


def test_tokens_grow_while_the_answer_runs_and_an_abort_reaches_the_server(tap: Tap, server: SmallOllama) -> None:
    with connected(tap.port) as link:
        link.sendall(post("endless"))
        assert soon(lambda: counted(tap).decode_tokens >= 5)
        assert tap.in_flight == 1
        assert tap.decoding
    assert server.gone.wait(10)
    assert soon(lambda: tap.in_flight == 0)
    assert not tap.decoding
    assert counted(tap).decode_tokens >= 5


def test_a_request_without_an_answer_yet_is_in_flight(tap: Tap, server: SmallOllama) -> None:
    server.hold.clear()
    with connected(tap.port) as link:
        link.sendall(post("stream 1"))
        assert soon(lambda: tap.in_flight == 1)
        assert not tap.decoding
        server.hold.set()
        assert b"eval_count" in rest(link)


def test_a_half_open_client_gets_its_whole_answer(tap: Tap) -> None:
    with connected(tap.port) as link:
        link.sendall(post("stream 50"))
        link.shutdown(socket.SHUT_WR)
        assert rest(link).endswith(b"0\r\n\r\n")


def test_a_large_body_arrives_unchanged(tap: Tap) -> None:
    body = PIECE * 64
    head = f"POST /api/blobs/x HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode()
    said = json.loads(talk(tap.port, head + body).partition(b"\r\n\r\n")[2])
    assert said == {"size": len(body), "sha256": hashlib.sha256(body).hexdigest()}


def test_a_slow_reader_slows_the_server_and_fills_no_memory(tap: Tap, server: SmallOllama) -> None:
    pieces = 640  # 40 MiB: more than the kernel's own buffers of two connections
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with connected(tap.port) as link:
        link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
        link.sendall(post(f"pieces {pieces}"))
        assert soon(lambda: server.pieces > 0)
        sent = -1
        while sent != server.pieces:
            sent = server.pieces
            time.sleep(0.1)
        assert 0 < sent < pieces
        digest, size, head = hashlib.sha256(), 0, b""
        while data := link.recv(1 << 20):
            if not size:
                head, _, data = data.partition(b"\r\n\r\n")
            digest.update(data)
            size += len(data)
    assert b"200 OK" in head
    whole = hashlib.sha256()
    for _ in range(pieces):
        whole.update(PIECE)
    assert (size, digest.digest()) == (len(PIECE) * pieces, whole.digest())
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20 << 10, "KiB"


def test_too_many_connections_are_turned_away_and_idle_ones_make_room(tap: Tap, server: SmallOllama) -> None:
    with contextlib.ExitStack() as stack:
        busy = [stack.enter_context(connected(tap.port)) for _ in range(4)]
        for link in busy:
            link.sendall(post("endless"))
        assert soon(lambda: tap.in_flight == 4)
        refused = talk(tap.port, b"")
        assert b"503 Service Unavailable" in refused
        assert b"Retry-After" in refused
        busy[0].close()
        assert soon(lambda: tap.in_flight == 3)
        idle = stack.enter_context(connected(tap.port))
        idle.sendall(get("/", close=False))
        assert until(idle, b"Ollama is running")
        assert soon(lambda: b"Ollama is running" in talk(tap.port, get("/")))
        assert idle.recv(1) == b""


def test_a_server_that_is_down_is_told_in_ollamas_shape(tap: Tap) -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        tap.point_at(f"http://127.0.0.1:{unused.getsockname()[1]}")
    head, _, body = talk(tap.port, post("stream 1")).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 502 ")
    assert "nothing answers at http://127.0.0.1" in json.loads(body)["error"]


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.2", "::", "example.org"])
def test_the_tap_listens_on_loopback_alone(host: str) -> None:
    with pytest.raises(UsageError) as refused:
        Tap((host, 0), "http://127.0.0.1:11434")
    assert refused.value.code == "tap-not-loopback"


@pytest.mark.parametrize("upstream", ["https://127.0.0.1:1", "127.0.0.1:1", "http://127.0.0.1:99999", "http://x/y"])
def test_an_upstream_that_is_no_address_is_refused(upstream: str) -> None:
    with pytest.raises(UsageError) as refused:
        Tap(("127.0.0.1", 0), upstream)
    assert refused.value.code == "bad-endpoint"


def test_a_port_that_is_taken_is_said(tap: Tap, server: SmallOllama) -> None:
    with contextlib.closing(Tap(("127.0.0.1", tap.port), server.url)) as second, pytest.raises(PreflightError) as said:
        second.start()
    assert said.value.code == "tap-port"
