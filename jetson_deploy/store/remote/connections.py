"""A requests session whose sockets can be cut from another thread.

A read that waits for a silent registry cannot be interrupted; shutting its socket down ends it at once,
so that Ctrl-C does not wait for the stall timeout.
"""

from __future__ import annotations

import contextlib
import ipaddress
import socket
import threading
from typing import Any
from urllib.parse import urlsplit
from weakref import WeakSet

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from jetson_deploy import __version__
from jetson_deploy.store.transfer.pace import MOST_CONNECTIONS

MOST_REDIRECTS = 5


class OpenSockets:
    """The sockets of one session. `cut` ends every read on them, also those opened later."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sockets: WeakSet[socket.socket] = WeakSet()
        self._is_cut = False

    def add(self, opened: socket.socket) -> None:
        with self._lock:
            self._sockets.add(opened)
            if self._is_cut:
                _shut_down(opened)

    def cut(self) -> None:
        with self._lock:
            self._is_cut = True
            for opened in self._sockets:
                _shut_down(opened)


def _shut_down(opened: socket.socket) -> None:
    # The plain socket's method: SSLSocket.shutdown would pull the TLS state from under the reading thread.
    with contextlib.suppress(OSError):
        socket.socket.shutdown(opened, socket.SHUT_RDWR)


def new_session(base_url: str, sockets: OpenSockets) -> requests.Session:
    """A session for one registry; proxies come from the environment, except to loopback."""
    session = requests.Session()
    session.max_redirects = MOST_REDIRECTS
    session.trust_env = not _is_loopback(base_url)
    # identity: the bytes that are hashed are the bytes on the wire.
    session.headers.update({"User-Agent": f"jetson-deploy/{__version__}", "Accept-Encoding": "identity"})
    adapter = _Adapter(sockets)
    session.mount("http://", adapter)
    session.mount("https://", adapter)
    return session


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class _Adapter(HTTPAdapter):
    """requests' adapter, with connections that report their sockets."""

    def __init__(self, sockets: OpenSockets) -> None:
        self._pools = _reporting_pools(sockets)
        super().__init__(pool_connections=4, pool_maxsize=MOST_CONNECTIONS)

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, **options)
        self.poolmanager.pool_classes_by_scheme = self._pools

    def proxy_manager_for(self, proxy: str, **options: Any) -> Any:
        manager = super().proxy_manager_for(proxy, **options)
        manager.pool_classes_by_scheme = self._pools
        return manager


def _reporting_pools(sockets: OpenSockets) -> dict[str, type[HTTPConnectionPool]]:
    class Plain(HTTPConnection):
        def connect(self) -> None:
            super().connect()
            sockets.add(self.sock)

    class Secure(HTTPSConnection):
        def connect(self) -> None:
            super().connect()
            sockets.add(self.sock)

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class SecurePool(HTTPSConnectionPool):
        ConnectionCls = Secure

    return {"http": PlainPool, "https": SecurePool}


class CutOnStop:
    """While in the block, cuts the sockets within a moment of `stop` being set."""

    def __init__(self, sockets: OpenSockets, stop: threading.Event) -> None:
        self._sockets, self._stop = sockets, stop
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="cut-on-stop", daemon=True)

    def _watch(self) -> None:
        while not self._done.is_set():
            if self._stop.wait(0.1):
                self._sockets.cut()
                return

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        # Not joined: the thread sees it within a moment, and cutting a closed session's sockets does no harm.
        self._done.set()
