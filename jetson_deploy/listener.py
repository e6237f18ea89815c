"""Shared parts of our servers' listening sockets: a bound, accepting, waking the thread, making room.

Behind that they differ, each for a reason. The model registry (store/serve) gives a connection a thread and lets
newcomers wait at its door: an `ollama pull` keeps up to 16 open, and a blob takes minutes. The tap (monitor/llm) passes
all of them on in one thread, since it must add nothing to a token. The monitor's page (monitor/serve) is http.server
with a thread for each request: nothing there is large or slow, so that it needs the bound alone.
"""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Mapping
from typing import TypeVar

MOST_CONNECTIONS = 64
IDLE_SECONDS = 0.5
"""After which a connection that asks for nothing gives its place to another."""

Connection = TypeVar("Connection")


class Wake:
    """Ends another thread's wait: `receiver` goes into that thread's selector."""

    def __init__(self) -> None:
        self.receiver, self._sender = socket.socketpair()
        for link in (self.receiver, self._sender):
            link.setblocking(False)

    def call(self) -> None:
        """From any thread."""
        with contextlib.suppress(OSError):  # full: it is awake already; closed: it has ended
            self._sender.send(b"x")

    def clear(self) -> None:
        with contextlib.suppress(BlockingIOError):
            self.receiver.recv(4096)

    def close(self) -> None:
        self.receiver.close()
        self._sender.close()


def accepted(listener: socket.socket, *, pause_seconds: float) -> tuple[socket.socket, str] | None:
    """The next connection, not blocking, with its host; None: it has gone, or descriptors or memory are short.

    Then it stays in the queue until there are some, and `pause_seconds` pass, so that waiting for them costs nothing.
    """
    try:
        link, place = listener.accept()
    except BlockingIOError:
        return None
    except OSError:
        time.sleep(pause_seconds)
        return None
    link.setblocking(False)
    link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return link, str(place[0]).removeprefix("::ffff:")


def longest_idle(since: Mapping[Connection, float]) -> Connection | None:
    """The connection that has been idle longest (monotonic seconds), where it is long enough to end it for another's
    sake; clients count on that (RFC 9112, 9.6)."""
    longest = min(since, key=lambda one: since[one], default=None)
    return longest if longest is not None and time.monotonic() - since[longest] >= IDLE_SECONDS else None


def http_url(host: str, port: int) -> str:
    """Without a slash at its end."""
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
