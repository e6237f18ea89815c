"""A bounded number of threads, and no client that holds one for long."""

from __future__ import annotations

import contextlib
import socket
import socketserver
import threading
import time
from http.server import HTTPServer
from typing import Any

from jetson_deploy.listener import MOST_CONNECTIONS
from jetson_deploy.monitor.serve.answers import Answers
from jetson_deploy.monitor.serve.listen import is_loopback

CONNECTION_SECONDS = 10.0
"""From its first to its last byte: a client that sends one byte now and then is cut off too."""
_BUSY = b"HTTP/1.0 503 Service Unavailable\r\nContent-Type: text/plain\r\nRetry-After: 1\r\n\r\ntoo many connections\n"


class BoundedServer(socketserver.ThreadingMixIn, HTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = MOST_CONNECTIONS

    def __init__(
        self,
        listen: tuple[str, int],
        handler: type[socketserver.BaseRequestHandler],
        answers: Answers,
        *,
        seconds: float,
        most: int,
    ) -> None:
        self.address_family = socket.AF_INET6 if ":" in listen[0] else socket.AF_INET
        self.answers, self.seconds, self._most = answers, seconds, most
        self._open: dict[socket.socket, float] = {}
        self._guard = threading.Lock()
        super().__init__(listen, handler)
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
