"""What the servers share at their listening sockets."""

from __future__ import annotations

import selectors
import socket
import time

import pytest

from jetson_deploy.listener import IDLE_SECONDS, Wake, accepted, http_url, longest_idle


def test_a_newcomer_does_not_block_and_nobody_is_waited_for() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        assert accepted(listener, pause_seconds=3600) is None
        with socket.create_connection(listener.getsockname()):
            pending = accepted(listener, pause_seconds=3600)
            assert pending is not None
            link, host = pending
            with link:
                assert (link.getblocking(), host) == (False, "127.0.0.1")
                assert link.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_where_there_are_no_descriptors_the_newcomer_stays_in_the_queue() -> None:
    closed = socket.create_server(("127.0.0.1", 0))
    closed.close()
    assert accepted(closed, pause_seconds=0) is None


def test_a_call_wakes_a_selector_and_is_heard_once() -> None:
    wake = Wake()
    with selectors.DefaultSelector() as selector:
        selector.register(wake.receiver, selectors.EVENT_READ)
        assert not selector.select(0)
        for _ in range(100_000):  # more than the socket holds
            wake.call()
        assert selector.select(0)
        while selector.select(0):
            wake.clear()
        wake.clear()
    wake.close()
    wake.call()


def test_only_who_has_been_idle_for_a_while_makes_room_and_the_longest_first() -> None:
    now = time.monotonic()
    assert longest_idle({}) is None
    assert longest_idle({"a": now + 60}) is None
    since = {"a": now - IDLE_SECONDS, "b": now - 2 * IDLE_SECONDS, "c": now + 60}
    assert longest_idle(since) == "b"


@pytest.mark.parametrize(("host", "url"), [("127.0.0.1", "http://127.0.0.1:80"), ("::1", "http://[::1]:80")])
def test_an_address_is_written_as_a_url(host: str, url: str) -> None:
    assert http_url(host, 80) == url
