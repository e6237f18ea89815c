"""A proxy in front of a real registry that counts, slows down, and does what bad links, caches and mirrors do.

It runs in threads of the test's process, on two ports of loopback: the registry's, and that of the host behind
signed addresses. Bytes count when they are handed to the client's socket, whose buffer is kept small.
"""

from __future__ import annotations

import base64
import http.client
import json
import re
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from link_faults import Asked, Fault, FaultProxy

_CHUNK = 16 << 10
_KEPT = ("content-type", "docker-content-digest", "etag", "accept-ranges", "www-authenticate")
_SPOIL_HEAD = ("whole", "other-range", "no-range", "longer", "shorter", "chunked")


class _CutError(OSError):
    """The connection is to end in the middle."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 20
    served: FaultProxy
    is_signed: bool

    def do_HEAD(self) -> None:
        if self.served.take(self.path, "no-head"):
            self._status(405)
        else:
            self._answer()

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._status(404)

    def _answer(self) -> None:
        try:
            if self.is_signed:
                self._behind_signature()
            elif self.path.startswith("/token"):
                self._token()
            elif not self.served.is_authorized(self.headers.get("Authorization")):
                self._status(401, {"WWW-Authenticate": self._challenge()})
            else:
                self._registry(self.path)
        except (OSError, http.client.HTTPException):
            self.close_connection = True

    def _registry(self, path: str) -> None:
        fault = self.served.take(path, "hang-up", "status", "signed")
        if fault is None:
            self._pass_on(path)
        elif fault.kind == "hang-up":
            self._note(0)
            self.close_connection = True
        elif fault.kind == "status":
            self._status(fault.code, fault.headers)
        else:
            self._status(307, {"Location": f"{self.served.signed_url}{path}?token={self.served.sign(fault)}"})

    def _behind_signature(self) -> None:
        path, _, token = self.path.partition("?token=")
        refusal = self.served.refusal_of(token)
        if refusal is not None:
            self._status(refusal)
        else:
            self._pass_on(path)

    def _challenge(self) -> str:
        scope = "repository:" + "/".join(self.path.split("/")[2:-2]) + ":pull"
        return f'Bearer realm="{self.served.url}/token",service="jd-test",scope="{scope}"'

    def _token(self) -> None:
        wanted = base64.b64encode(":".join(self.served.bearer or ("", "")).encode()).decode()
        if self.headers.get("Authorization") == f"Basic {wanted}":
            body = json.dumps({"token": self.served.fresh_token(), "expires_in": 300}).encode()
            self._head(200, {"Content-Type": "application/json", "Content-Length": str(len(body))})
            self.wfile.write(body)
        else:
            self._status(401, {"WWW-Authenticate": 'Basic realm="jd-test"'})

    def _pass_on(self, path: str) -> None:
        fault = self.served.take(path, *_SPOIL_HEAD) or Fault("none")
        wanted = self.headers.get("Range")
        if fault.kind == "no-range" and wanted:
            self._status(416)
            return
        if fault.kind == "other-range" and wanted:
            first, last = (int(number) for number in re.findall(r"\d+", wanted))
            wanted = f"bytes={first // 2}-{first // 2 + last - first}"
        upstream = http.client.HTTPConnection(self.served.upstream, timeout=20)
        try:
            upstream.request(self.command, path, headers=self._asked(None if fault.kind == "whole" else wanted))
            with upstream.getresponse() as response:
                self._answer_with(response, path, fault)
        finally:
            upstream.close()

    def _asked(self, wanted: str | None) -> dict[str, str]:
        kept = {name: self.headers[name] for name in ("Accept", "Authorization") if self.headers[name]}
        # Behind a signature the address is the permission.
        if self.is_signed:
            kept["Authorization"] = self.served.login_behind or ""
        return kept | ({"Range": wanted} if wanted else {})

    def _answer_with(self, response: http.client.HTTPResponse, path: str, fault: Fault) -> None:
        length = int(response.headers.get("Content-Length") or 0)
        headers = {name: response.headers[name] for name in (*_KEPT, "content-range") if response.headers[name]}
        promised = length + {"longer": 1000, "shorter": -min(1000, length // 2)}.get(fault.kind, 0)
        if fault.kind == "chunked":
            headers["Transfer-Encoding"] = "chunked"
        else:
            headers["Content-Length"] = str(promised)
        self._head(response.status, headers)
        if self.command == "HEAD":
            return
        start, size = _extent(response, length)
        self.close_connection = self.close_connection or fault.kind in ("longer", "shorter")
        self._body(response, path, start, size, chunked=fault.kind == "chunked", most=min(length, promised))

    def _body(
        self, response: http.client.HTTPResponse, path: str, start: int, size: int, *, chunked: bool, most: int
    ) -> None:
        """Send the body from `start` of a blob of `size` bytes on."""
        digest, end, cuts = path.rpartition("/")[2], start + most, self.served.cuts
        trickle, limit = self.served.take(path, "trickle"), self.served.take(path, "short-lived")
        last = start + min(most, limit.uses) if limit else end
        with self.served.body():
            while start < last and (chunk := response.read(min(self._piece(trickle), last - start))):
                self.served.pace(len(chunk), trickle)
                if self.served.closing.is_set() or self._ends(path, digest, size, cuts, start, len(chunk)):
                    raise _CutError
                data = self.served.spoilt(path, start, size, chunk)
                self.wfile.write(b"%x\r\n%b\r\n" % (len(data), data) if chunked else data)
                start += len(chunk)
                if "/blobs/" in path:
                    self.served.count(digest, len(chunk))
        if last < end:
            raise _CutError
        if chunked:
            self.wfile.write(b"0\r\n\r\n")

    def _piece(self, trickle: Fault | None) -> int:
        return _CHUNK if trickle is None else max(1, min(_CHUNK, int(trickle.rate / 5)))

    def _ends(self, path: str, digest: str, size: int, cuts: int, start: int, length: int) -> bool:
        if self.served.stalls(path, start, size, length):
            self.served.stalled.set()
            self._wait_for_hang_up()
            return True
        end = self.served.ends_now(path, digest, size)
        if end == "reset":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
        return end is not None or self.served.cuts != cuts

    def _wait_for_hang_up(self) -> None:
        """Say nothing until the client has lost its patience."""
        self.connection.settimeout(0.05)
        while not self.served.closing.is_set():
            try:
                if not self.connection.recv(1):
                    return
            except TimeoutError:
                continue

    def _status(self, code: int, headers: dict[str, str] | None = None) -> None:
        self._head(code, {**(headers or {}), "Content-Length": "0"})

    def _head(self, code: int, headers: dict[str, str]) -> None:
        self._note(code)
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def _note(self, code: int) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.served.asked.append(Asked(self.command, self.path, headers, code, self.is_signed, time.monotonic()))

    def log_message(self, *args: object) -> None:
        pass


def _extent(response: http.client.HTTPResponse, length: int) -> tuple[int, int]:
    """Where the body begins in the blob, and the blob's size."""
    match = re.fullmatch(r"bytes (\d+)-\d+/(\d+)", response.headers.get("Content-Range") or "")
    return (int(match[1]), int(match[2])) if match else (0, length)


class _Server(ThreadingHTTPServer):
    daemon_threads = False
    request_queue_size = 64

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = super().get_request()
        # What lies in the buffer counts as sent: keep it small.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 64 << 10)
        return connection, address

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is what these tests are about."""


@contextmanager
def fault_proxy(upstream: str, *faults: Fault, rate: float = 0, rate_each: float = 0) -> Iterator[FaultProxy]:
    """Runs until the end of the block. `upstream`: http://HOST:PORT."""
    proxy = FaultProxy(upstream.removeprefix("http://"), list(faults), rate, rate_each)

    class Registry(_Handler):
        served = proxy
        is_signed = False

    class Signed(Registry):
        is_signed = True

    servers = [_Server(("127.0.0.1", 0), handler) for handler in (Registry, Signed)]
    threads = [threading.Thread(target=server.serve_forever, args=(0.02,)) for server in servers]
    proxy.url, proxy.signed_url = (f"http://127.0.0.1:{server.server_address[1]}" for server in servers)
    for thread in threads:
        thread.start()
    try:
        yield proxy
    finally:
        proxy.closing.set()
        for server, thread in zip(servers, threads, strict=True):
            server.shutdown()
            thread.join()
            server.server_close()
