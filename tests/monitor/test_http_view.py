"""What passes is understood wherever it is cut, and what cannot be understood is let pass."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_ollama import event, final, line

from jetson_deploy.monitor.llm.exchanges import Exchanges
from jetson_deploy.monitor.llm.ledger import Ledger

POST = b"POST /api/generate HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}"
EVENTS = (
    b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"2;x=y\r\n{}\r\n0\r\nA: b\r\n\r\n"
)
HEAD = b"HEAD / HTTP/1.1\r\nHost: x\r\n\r\n"


def chunked(*parts: bytes, kind: str = "application/x-ndjson", chunk: int = 7) -> bytes:
    body = b"".join(parts)
    cut = [body[at : at + chunk] for at in range(0, len(body), chunk)]
    lines = b"".join(b"%x\r\n%b\r\n" % (len(one), one) for one in cut)
    return (
        f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nTransfer-Encoding: chunked\r\n\r\n".encode() + lines + b"0\r\n\r\n"
    )


def whole(body: bytes, status: str = "200 OK") -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


STREAMED = chunked(line("a"), line("b"), line("c"), final(3))
ASKED = POST + HEAD + POST + EVENTS + POST
ANSWERED = (
    b"HTTP/1.1 100 Continue\r\n\r\n"
    + STREAMED
    + b"HTTP/1.1 200 OK\r\nContent-Length: 17\r\n\r\n"  # of the HEAD: no body
    + whole(final(40, text="x" * 9000))
    + chunked(event("a"), event("b"), event(None, 2), b"data: [DONE]\n\n", kind="text/event-stream", chunk=50)
    + whole(b'{"error":"busy"}', "503 Service Unavailable")
)
CODES = [("/", 200), ("/api/generate", 200), ("/api/generate", 503), ("/v1/chat/completions", 200)]


class Ticks:
    """A clock that goes on by a second each time it is asked."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 1.0
        return self.now


@given(cuts=st.lists(st.integers(0, len(ANSWERED)), max_size=40), asked_cuts=st.lists(st.integers(0, len(ASKED))))
@settings(max_examples=60, deadline=None)
def test_the_same_is_counted_however_the_bytes_come(cuts: list[int], asked_cuts: list[int]) -> None:
    ledger = Ledger()
    seen = Exchanges(ledger, Ticks())
    for start, end in pairwise(sorted({0, len(ASKED), *asked_cuts})):
        seen.requests.feed(ASKED[start:end])
    assert len(seen.open) == 5
    for start, end in pairwise(sorted({0, len(ANSWERED), *cuts})):
        seen.answers.feed(ANSWERED[start:end])
    assert ledger.models()["smol:latest"].decode_tokens == 45
    assert [(r.path, r.code) for r in ledger.answered().requests] == CODES
    assert not seen.open
    assert not seen.answers.blind


@given(
    at=st.integers(0, len(ANSWERED) - 1),
    damage=st.binary(min_size=1, max_size=30),
    asked=st.sampled_from([ASKED, POST]),
)
@settings(max_examples=60, deadline=None)
def test_damage_is_never_fatal_and_makes_no_numbers_fall(at: int, damage: bytes, asked: bytes) -> None:
    ledger = Ledger()
    seen = Exchanges(ledger, Ticks())
    seen.requests.feed(asked)
    answer = ANSWERED[:at] + damage + ANSWERED[at + len(damage) :]
    tokens = 0
    for part in (answer[:1500], answer[1500:]):
        seen.answers.feed(part)
        found = sum(one.decode_tokens for one in ledger.models().values())
        assert found >= tokens
        tokens = found
    seen.finish(server_left=True)
    assert not seen.open


@pytest.mark.parametrize(
    ("asked", "answered"),
    [
        (POST, b"SSH-2.0-OpenSSH\r\n\r\n"),
        (b"GET / HTTP/1.1\r\nUpgrade: websocket\r\n\r\n", STREAMED),
        (POST, b"HTTP/1.1 101 Switching Protocols\r\n\r\n" + STREAMED),
        (b"", STREAMED),
        (POST, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nnosize\r\n"),
        (POST, b"HTTP/1.1 200 OK\r\nX: " + b"y" * 70_000),
    ],
)
def test_what_is_not_understood_is_not_counted(asked: bytes, answered: bytes) -> None:
    ledger = Ledger()
    seen = Exchanges(ledger)
    seen.requests.feed(asked)
    seen.answers.feed(answered)
    assert seen.answers.blind
    assert ledger.models() == {}


def test_a_body_may_last_until_the_connection_ends() -> None:
    ledger = Ledger()
    seen = Exchanges(ledger)
    seen.requests.feed(POST)
    seen.answers.feed(b"HTTP/1.0 200 OK\r\n\r\n" + line("a") + final(2))
    assert ledger.models()["smol:latest"].decode_tokens == 1
    seen.finish(server_left=True)
    assert ledger.models()["smol:latest"].decode_tokens == 2
    assert ledger.answered().requests[0].count == 1


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
def test_some_answers_have_no_body_whatever_they_say(status: str) -> None:
    ledger = Ledger()
    seen = Exchanges(ledger)
    seen.requests.feed(POST + POST)
    seen.answers.feed(f"HTTP/1.1 {status}\r\n\r\n".encode() + STREAMED)
    assert ledger.models()["smol:latest"].decode_tokens == 3
