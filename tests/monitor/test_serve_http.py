"""Over a real socket: plain words for what is wrong, and no client that stops the others."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from served_monitor import Clock, full_sample, get, monitor_of, serving

from jetson_deploy.monitor.serve.answers import FILES
from jetson_deploy.monitor.serve.server import MonitorServer

MONITOR = monitor_of(full_sample(), full_sample(1))
PATHS = {
    "/metrics": "text/plain; version=0.0.4; charset=utf-8",
    "/healthz": "text/plain; charset=utf-8",
    "/api/sample": "application/json",
    "/api/recent": "application/json",
    "/api/recent?since=0": "application/json",
    **{path: content_type for path, (_, content_type) in FILES.items()},
}


@pytest.fixture(scope="module")
def server() -> Iterator[MonitorServer]:
    with serving(MONITOR) as made:
        yield made


def raw(server: MonitorServer, request: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as client:
        client.sendall(request)
        return b"".join(iter(lambda: client.recv(65536), b""))


def test_every_path_answers_and_head_tells_the_same_length_without_a_body(server: MonitorServer) -> None:
    for path, content_type in PATHS.items():
        got, head = get(server, path), get(server, path, "HEAD")
        assert (got.status, got.headers["content-type"]) == (200, content_type), path
        assert got.body
        assert (head.status, head.body, head.headers["content-length"]) == (200, b"", str(len(got.body))), path


def test_every_answer_forbids_scripts_that_are_not_ours(server: MonitorServer) -> None:
    for path in ("/", "/api/sample", "/no-such-path"):
        headers = get(server, path).headers
        policy = headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; script-src 'self';")
        assert "unsafe" not in policy
        assert headers["x-content-type-options"] == "nosniff"


def test_the_page_has_no_inline_script_or_style_and_asks_no_other_host(server: MonitorServer) -> None:
    page = get(server, "/").text
    assert not re.search(r"<style|\son\w+=|\sstyle=|javascript:", page)
    assert set(re.findall(r"<script[^>]*>([^<]*)</script>", page)) == {""}
    named = re.findall(r'(?:src|href)="([^"]*)"', page)
    assert named
    for link in named:
        assert get(server, "/" + link).status == 200, link


@pytest.mark.parametrize("path", ["/nothing", "/metrics/", "/../etc/passwd", "/page/index.html", "/%2e%2e/x", "//[x"])
def test_an_unknown_path_is_told_which_ones_there_are(server: MonitorServer, path: str) -> None:
    got = get(server, path)
    assert (got.status, got.headers["content-type"]) == (404, "text/plain; charset=utf-8")
    assert "/metrics" in got.text


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_a_method_that_would_change_something_is_refused(server: MonitorServer, method: str) -> None:
    got = get(server, "/api/sample", method)
    assert (got.status, got.headers["allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize(
    ("host", "status"),
    [("localhost", 200), ("127.0.0.1:1", 200), ("[::1]:9735", 200), ("evil.example", 403), ("evil.example:9735", 403),
     ("localhost.evil.example", 403), ("192.168.1.4", 403)],
)  # fmt: skip
def test_on_loopback_another_name_is_not_served(server: MonitorServer, host: str, status: int) -> None:
    assert get(server, "/api/sample", Host=host).status == status


def test_on_a_network_every_name_is_served() -> None:
    server = MonitorServer(MONITOR, ("0.0.0.0", 0), clock=Clock())
    server.start()
    try:
        assert not server.on_loopback
        assert get(server, "/healthz", Host="kitchen.local").status == 200
    finally:
        server.close()


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"nonsense\r\n\r\n", b"400"), (b"GET / HTTP/9.9\r\n\r\n", b"505"), (b"BREW / HTTP/1.1\r\n\r\n", b"501"),
        (b"GET /" + b"x" * 70000 + b" HTTP/1.1\r\n\r\n", b"414"), (b"\x16\x03\x01\x02\x00\x01\x00\r\n", b"400"),
        (b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 200 + b"\r\n", b"431"),
        (b"GET /api/recent?since=x HTTP/1.1\r\n\r\n", b"400"), (b"GET /api/recent?since=nan HTTP/1.1\r\n\r\n", b"400"),
        (b"GET /api/recent?a&b=1&c=2&d=3&e=4&f=5 HTTP/1.1\r\n\r\n", b"400"),
    ],
)  # fmt: skip
def test_a_request_that_cannot_be_read_gets_one_plain_line(
    server: MonitorServer, request_: bytes, status: bytes
) -> None:
    head, _, body = raw(server, request_).partition(b"\r\n\r\n")
    assert head.split()[1] == status
    assert body.count(b"\n") == 1
    assert b"<" not in body
    assert get(server, "/healthz").status == 200


def test_health_is_503_when_the_last_sample_is_old_and_metrics_still_answer() -> None:
    clock = Clock(1001.0)
    with serving(MONITOR, clock) as server:
        assert get(server, "/healthz").status == 200
        clock.now += 60
        told = get(server, "/healthz")
        assert (told.status, told.text) == (
            503,
            "stale: the last sample is 60 s old, one is due every 1 s\n",
        )
        assert "jetson_deploy_sample_age_seconds 60.0\n" in get(server, "/metrics").text


def test_fifty_clients_at_once_are_all_answered(server: MonitorServer) -> None:
    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(lambda _: get(server, "/metrics"), range(50)))
    assert {answer.status for answer in answers} == {200}


def test_fifty_clients_that_say_nothing_do_not_keep_a_scrape_waiting(server: MonitorServer) -> None:
    idle = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(50)]
    assert get(server, "/metrics").status == 200
    for client in idle:
        client.close()


def test_above_the_bound_a_client_is_told_and_afterwards_all_is_well() -> None:
    with serving(MONITOR, most=2, seconds=0.3) as server:
        idle = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(2)]
        assert raw(server, b"").startswith(b"HTTP/1.0 503 ")
        until_answered(server)
        for client in idle:
            client.close()


def test_a_client_that_sends_a_byte_now_and_then_is_cut_off() -> None:
    with serving(MONITOR, most=1, seconds=0.3) as server:
        client = socket.create_connection(("127.0.0.1", server.port))
        with client, pytest.raises(OSError, match=r"reset|pipe"):
            for _ in range(1200):  # a minute: a server without patience would listen for ever
                client.sendall(b"G")
                time.sleep(0.05)
        until_answered(server)


def until_answered(server: MonitorServer) -> None:
    deadline = time.monotonic() + 10
    while get(server, "/healthz").status != 200:
        assert time.monotonic() < deadline
        time.sleep(0.05)
