"""One request, answered in plain words."""

from __future__ import annotations

from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any

from jetson_deploy import __version__
from jetson_deploy.monitor.serve.answers import Answer, plain
from jetson_deploy.monitor.serve.listen import is_loopback, named_host

if TYPE_CHECKING:
    from jetson_deploy.monitor.serve.bounded_server import BoundedServer

_LONGEST_BODY = 65536
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-cache",
}
_PATHS = "there are /, /metrics, /healthz, /api/sample and /api/recent"


class Handler(BaseHTTPRequestHandler):
    """HTTP/1.0: a connection for each request, so that an idle client holds nothing."""

    server: BoundedServer
    server_version = f"jetson-deploy/{__version__}"
    sys_version = ""
    default_request_version = "HTTP/1.0"  # 0.9, http.server's own, has no status line to tell what is wrong

    def setup(self) -> None:
        super().setup()
        self.request.settimeout(self.server.seconds)

    def do_GET(self) -> None:
        if not self._host_is_ours():
            self._send(plain(403, "this name is not served: ask for localhost, or listen on that address (--listen)"))
            return
        try:
            answer = self.server.answers.to(self.path) or plain(404, f"no such path: {_PATHS}")
        except Exception as error:  # one broken answer must not look like a vanished monitor
            answer = plain(500, f"a fault of jetson-deploy: {error!r}")
        self._send(answer)

    do_HEAD = do_GET  # noqa: N815

    def do_POST(self) -> None:
        self._drain()
        self._send(plain(405, "the monitor only shows: GET and HEAD"), Allow="GET, HEAD")

    do_PUT = do_DELETE = do_PATCH = do_OPTIONS = do_TRACE = do_CONNECT = do_POST  # noqa: N815

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """What http.server cannot read, in one line instead of its HTML."""
        self.close_connection = True
        self._send(plain(int(code), HTTPStatus(code).phrase.lower()))

    def log_message(self, format: str, *args: Any) -> None:
        """A scrape every few seconds is no news."""

    def _host_is_ours(self) -> bool:
        """A page of another site may point its own name at 127.0.0.1 (DNS rebinding): its name then stands in Host."""
        if not self.server.on_loopback:
            return True
        return all(is_loopback(named_host(host)) for host in self.headers.get_all("Host", []))

    def _drain(self) -> None:
        """A body that is left unread resets the connection, and the answer with it."""
        length = self.headers.get("Content-Length", "")
        if length.isdecimal() and 0 < int(length[:9]) <= _LONGEST_BODY:
            self.rfile.read(int(length[:9]))

    def _send(self, answer: Answer, **more: str) -> None:
        self.send_response(answer.status)
        for name, value in {**_HEADERS, **more, "Content-Type": answer.content_type}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)
