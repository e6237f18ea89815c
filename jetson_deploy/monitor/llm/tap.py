"""A measuring pass-through to the server, for Ollama below 0.30, which says nothing of tokens itself.

Clients point at it, on loopback; it passes bytes on unchanged and counts what the answers tell. One thread, bounded
memory: at most MOST_CONNECTIONS connections of two buffers each.
"""

from __future__ import annotations

import contextlib
import selectors
import socket
import threading
import time
from urllib.parse import urlsplit

import msgspec

from jetson_deploy.errors import PreflightError, UsageError
from jetson_deploy.listener import MOST_CONNECTIONS, Wake, accepted, longest_idle
from jetson_deploy.monitor.llm.exchanges import Exchange, Exchanges
from jetson_deploy.monitor.llm.ledger import Ledger
from jetson_deploy.monitor.llm.relay import READ_BYTES, Address, Relay
from jetson_deploy.monitor.serve.listen import is_loopback
from jetson_deploy.names import shown

_POLL_SECONDS = 1.0
_PAUSE_SECONDS = 0.01
"""Where there are no descriptors: the relayed ones must go on."""


class Tap:
    """`upstream`: http://HOST:PORT. `port` after `start`: the one listened at (0 asks for any free one)."""

    def __init__(self, listen: tuple[str, int], upstream: str, *, most: int = MOST_CONNECTIONS) -> None:
        """Raises UsageError: tap-not-loopback, bad-endpoint."""
        self._listen, self._most = listen, most
        check_loopback(listen[0])
        self.ledger = Ledger()
        self._upstream = upstream
        self._places = _addresses(upstream)
        self._relays: dict[Relay, None] = {}
        self._selector = selectors.DefaultSelector()
        self._stop = threading.Event()
        self._wake = Wake()
        self._listener: socket.socket | None = None
        self._thread = threading.Thread(target=self._run, name="monitor tap", daemon=True)
        self.port = listen[1]

    @property
    def in_flight(self) -> int:
        """Requests for the model's work that are not answered to the end."""
        return sum(exchange.works for exchange in self._exchanges())

    @property
    def decoding(self) -> bool:
        return any(exchange.view is not None and exchange.view.decoding for exchange in self._exchanges())

    def point_at(self, upstream: str) -> None:
        """For connections from now on."""
        if upstream != self._upstream:
            self._places, self._upstream = _addresses(upstream), upstream

    def start(self) -> None:
        """Raises PreflightError `tap-port` where it cannot listen."""
        try:
            family = socket.AF_INET6 if ":" in self._listen[0] else socket.AF_INET
            self._listener = socket.create_server(self._listen, family=family, backlog=128)
        except OSError as error:
            raise PreflightError(
                f"the tap cannot listen at {self._listen[0]}:{self._listen[1]}: {_why(error)}",
                hint=f"choose another port, or find the process that has it: ss -ltnp 'sport = :{self._listen[1]}'",
                code="tap-port",
            ) from error
        self.port = int(self._listener.getsockname()[1])
        self._listener.setblocking(False)
        for link in (self._listener, self._wake.receiver):
            self._selector.register(link, selectors.EVENT_READ)
        self._thread.start()

    def close(self) -> None:
        """Ends every connection."""
        self._stop.set()
        self._wake.call()
        if self._thread.is_alive():
            self._thread.join(5.0)
        self._wake.close()
        if self._listener is not None:
            self._listener.close()
        self._selector.close()

    def _run(self) -> None:
        while not self._stop.is_set():
            for key, mask in self._selector.select(_POLL_SECONDS):
                if isinstance(key.data, Relay):
                    self._pass_on(key.data, key.fileobj, mask)
                elif key.fileobj is self._listener:
                    self._accept(self._listener)
            now = time.monotonic()
            for relay in [one for one in self._relays if one.overdue(now)]:
                self._end(relay)
        for relay in tuple(self._relays):
            self._end(relay)

    def _pass_on(self, relay: Relay, link: object, mask: int) -> None:
        if relay.closed or not isinstance(link, socket.socket):
            return
        try:
            relay.ready(link, mask)
        except Exception:  # one connection must not end the others
            relay.close()
        if relay.closed:
            self._relays.pop(relay, None)

    def _accept(self, listener: socket.socket) -> None:
        pending = accepted(listener, pause_seconds=_PAUSE_SECONDS)
        if pending is None:
            return
        client, _ = pending
        if len(self._relays) >= self._most and not self._make_room():
            _turn_away(client, f"all {self._most} connections of the tap are in use")
            return
        try:
            relay = Relay(client, self._places, self._selector, Exchanges(self.ledger), self._absent)
        except OSError:
            client.close()
            return
        self._relays[relay] = None

    def _make_room(self) -> bool:
        idle = longest_idle({relay: relay.since for relay in self._relays if relay.idle})
        if idle is not None:
            self._end(idle)
        return idle is not None

    def _end(self, relay: Relay) -> None:
        relay.close()
        self._relays.pop(relay, None)

    def _absent(self, why: str) -> bytes:
        return _refusal("502 Bad Gateway", f"nothing answers at {self._upstream}: {why}")

    def _exchanges(self) -> list[Exchange]:
        """From any thread: a copy."""
        return [exchange for relay in tuple(self._relays) for exchange in relay.exchanges.open]


def check_loopback(host: str) -> None:
    """Who reaches the tap reaches the server: that is for this machine alone. Raises UsageError."""
    if not is_loopback(host):
        raise UsageError(
            f"the tap listens on loopback only, not at {shown(host)}",
            hint="give it as 127.0.0.1:PORT",
            code="tap-not-loopback",
        )


def _addresses(upstream: str) -> tuple[Address, ...]:
    parts = urlsplit(upstream)
    try:
        host, port = parts.hostname, parts.port or 80
        if parts.scheme == "http" and host and not parts.path.strip("/"):
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            return tuple((family, place) for family, _, _, _, place in found)
    except (OSError, ValueError):
        pass
    raise UsageError(
        f"{shown(upstream)} is not an address to pass requests on to",
        hint="give it as http://127.0.0.1:11434",
        code="bad-endpoint",
    )


def _why(error: OSError) -> str:
    """Without the address, which `socket.create_server` adds."""
    return (error.strerror or str(error)).partition(" (while")[0]


def _turn_away(client: socket.socket, why: str) -> None:
    with contextlib.suppress(OSError):
        client.send(_refusal("503 Service Unavailable", why, "Retry-After: 5\r\n"))
        client.shutdown(socket.SHUT_WR)
        client.recv(READ_BYTES)  # with bytes unread, closing would take the answer away
    client.close()


def _refusal(status: str, why: str, header: str = "") -> bytes:
    """In Ollama's shape."""
    body = msgspec.json.encode({"error": f"jetson-deploy monitor: {why}"})
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\n{header}Content-Length: {len(body)}\r\n"
    return head.encode() + b"Connection: close\r\n\r\n" + body
