"""The monitor's HTTP server: begins with `start`, ends with `close`."""

from __future__ import annotations

import errno
import threading
import time
from collections.abc import Callable

from jetson_deploy.errors import PreflightError
from jetson_deploy.listener import MOST_CONNECTIONS
from jetson_deploy.monitor.monitor import Monitor
from jetson_deploy.monitor.serve.answers import Answers
from jetson_deploy.monitor.serve.bounded_server import CONNECTION_SECONDS, BoundedServer
from jetson_deploy.monitor.serve.handler import Handler
from jetson_deploy.monitor.serve.listen import is_loopback, url

_POLL_SECONDS = 0.25
"""So long `close` may take."""


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
            self._server = BoundedServer(self._listen, Handler, self._answers, seconds=self._seconds, most=self._most)
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
        """Only this machine can read it."""
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
