"""The server: a bounded number of threads, and no client that holds one for long."""

from __future__ import annotations

import contextlib
import errno
import socket
import socketserver
import threading
import time
from collections.abc import Callable
from http.server import HTTPServer
from typing import Any

from jetson_deploy.errors import PreflightError
from jetson_deploy.monitor.monitor import Monitor
from jetson_deploy.monitor.serve.answers import Answers
from jetson_deploy.monitor.serve.handler import Handler
from jetson_deploy.monitor.serve.listen import is_loopback, url

MOST_CONNECTIONS = 64
CONNECTION_SECONDS = 10.0
"""From its first to its last byte: a client that sends one byte now and then is cut off too."""
_POLL_SECONDS = 0.25
"""So long `close` may take."""
_BUSY = b"HTTP/1.0 503 Service Unavailable\r\nContent-Type: text/plain\r\nRetry-After: 1\r\n\r\ntoo many connections\n"


class BoundedServer(socketserver.ThreadingMixIn, HTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = MOST_CONNECTIONS

    def __init__(self, listen: tuple[str, int], answers: Answers, *, seconds: float, most: int) -> None:
        self.address_family = socket.AF_INET6 if ":" in listen[0] else socket.AF_INET
        self.answers, self.seconds, self._most = answers, seconds, most
        self._open: dict[socket.socket, float] = {}
        self._guard = threading.Lock()
        super().__init__(listen, Handler)
        self.on_loopback = is_loopback(str(self.server_address[0]))

    def server_bind(self) -> None:
        """Without the look-up of our own name that HTTPServer makes: it can take seconds."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._guard:
            full = len(self._open) >= self._most
            if not full:
                self._open[request] = time.monotonic()
        if full:
            with contextlib.suppress(OSError):
                request.setblocking(False)
                request.send(_BUSY)
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._guard:
            self._open.pop(request, None)
        super().shutdown_request(request)

    def service_actions(self) -> None:
        """Four times a second: end what lasts too long. Its thread then finds the connection closed."""
        before = time.monotonic() - self.seconds
        with self._guard:
            late = [request for request, began in self._open.items() if began < before]
        for request in late:
            with contextlib.suppress(OSError):
                request.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away; every fault of ours was answered already."""


class MonitorServer:
    """Shows `monitor.latest` and `monitor.recent`; touches no hardware. Threads begin with `start`."""

    def __init__(
        self,
        monitor: Monitor,
        listen: tuple[str, int],
        *,
        clock: Callable[[], float] = time.monotonic,
        seconds: float = CONNECTION_SECONDS,
        most: int = MOST_CONNECTIONS,
    ) -> None:
        self._listen, self._answers = listen, Answers(monitor, clock)
        self._seconds, self._most = seconds, most
        self._server: BoundedServer | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Raises PreflightError when the address cannot be had."""
        try:
            self._server = BoundedServer(self._listen, self._answers, seconds=self._seconds, most=self._most)
        except OSError as error:
            raise _refusal(self._listen, error) from error
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(_POLL_SECONDS,), name="monitor-serve", daemon=True
        )
        self._thread.start()

    @property
    def port(self) -> int:
        """The one that is really listened on; before `start` the one that was asked for."""
        return self._server.server_port if self._server else self._listen[1]

    @property
    def url(self) -> str:
        return url(self._listen[0], self.port)

    @property
    def on_loopback(self) -> bool:
        """Nobody but this machine can read it."""
        return self._server.on_loopback if self._server else is_loopback(self._listen[0])

    def close(self) -> None:
        if self._server is not None and self._thread is not None:
            self._server.shutdown()
            self._thread.join()
            self._server.server_close()
        self._server = self._thread = None


def _refusal(listen: tuple[str, int], error: OSError) -> PreflightError:
    where = url(*listen).removeprefix("http://").rstrip("/")
    if error.errno == errno.EADDRINUSE:
        hint = f"another program, or another monitor, has it (ss -ltnp 'sport = :{listen[1]}'); or --listen HOST:PORT"
        return PreflightError(f"{where} is taken", hint=hint, code="port-taken")
    if error.errno == errno.EACCES:
        hint = "ports below 1024 need root: --listen with a higher one"
        return PreflightError(f"{where} may not be listened on", hint=hint, code="port-not-allowed")
    why = error.strerror or str(error)
    hint = "--listen with an address of this machine (ip -brief address shows them)"
    return PreflightError(f"{where} cannot be listened on: {why}", hint=hint, code="no-such-address")
