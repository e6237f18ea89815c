"""Where it listens: read strictly, and refused in words."""

from __future__ import annotations

import socket

import pytest
from served_monitor import full_sample, monitor_of, serving

from jetson_deploy.errors import PreflightError, UsageError
from jetson_deploy.monitor.serve.listen import DEFAULT_LISTEN, is_loopback, named_host, parse_listen, url
from jetson_deploy.monitor.serve.server import MonitorServer


@pytest.mark.parametrize(
    ("text", "listen"),
    [
        ("127.0.0.1:9735", ("127.0.0.1", 9735)),
        (":9735", ("127.0.0.1", 9735)),
        ("0.0.0.0:0", ("0.0.0.0", 0)),
        ("[::1]:65535", ("::1", 65535)),
        ("kitchen.local:80", ("kitchen.local", 80)),
        (DEFAULT_LISTEN, ("127.0.0.1", 9735)),
    ],
)
def test_an_address_is_read(text: str, listen: tuple[str, int]) -> None:
    assert parse_listen(text) == listen


@pytest.mark.parametrize(
    "text",
    [
        "", "9735", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1", "127.0.0.1:９", "::1:9735", "[::1]",
        "[127.0.0.1]:1", "[x]:1", "http://127.0.0.1:1", "a b:1", "a\n:1", "ä:1", "x" * 300 + ":1",
    ],
)  # fmt: skip
def test_what_is_no_address_is_refused_in_one_line(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_listen(text)
    assert caught.value.code == "bad-listen"
    assert caught.value.message.isascii()
    assert caught.value.message.isprintable()


@pytest.mark.parametrize(("host", "loopback"), [("127.0.0.1", True), ("127.9.9.9", True), ("::1", True),
    ("localhost", True), ("LOCALHOST", True), ("0.0.0.0", False), ("::", False), ("192.168.1.4", False),
    ("localhost.evil.example", False), ("", False)])  # fmt: skip
def test_only_this_machine_is_loopback(host: str, loopback: bool) -> None:
    assert is_loopback(host) is loopback


@pytest.mark.parametrize(
    ("header", "host"),
    [("127.0.0.1:9735", "127.0.0.1"), ("[::1]:9735", "::1"), ("localhost", "localhost"), ("localhost.:1", "localhost")],
)
def test_a_host_header_loses_its_port(header: str, host: str) -> None:
    assert named_host(header) == host


def test_an_ipv6_address_stands_in_brackets_in_the_url() -> None:
    assert (url("::1", 9735), url("127.0.0.1", 9735)) == ("http://[::1]:9735/", "http://127.0.0.1:9735/")


def test_a_port_that_is_taken_is_refused_with_cause_and_fix() -> None:
    monitor = monitor_of(full_sample())
    with serving(monitor) as first, pytest.raises(PreflightError) as caught:
        MonitorServer(monitor, ("127.0.0.1", first.port)).start()
    assert (caught.value.code, caught.value.exit_code) == ("port-taken", 3)
    assert str(first.port) in caught.value.message
    assert "--listen" in caught.value.hint


def test_an_address_of_another_machine_is_refused() -> None:
    with pytest.raises(PreflightError) as caught:
        MonitorServer(monitor_of(full_sample()), ("192.0.2.1", 0)).start()
    assert caught.value.code == "no-such-address"


def test_a_port_is_free_again_after_close_even_while_a_client_hangs_on() -> None:
    monitor = monitor_of(full_sample())
    with serving(monitor) as first:
        port = first.port
        client = socket.create_connection(("127.0.0.1", port))
    again = MonitorServer(monitor, ("127.0.0.1", port))
    again.start()
    again.close()
    client.close()
