"""A small HTTP server that answers what a real Ollama was recorded to answer, and odd servers."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

CONTRACT = Path(__file__).parents[1] / "data" / "contract"
Exchange = dict[str, Any]
Answerer = Callable[[BaseHTTPRequestHandler, str, str, Any], None]


def recorded(version: str, file: str, id_: str) -> Exchange:
    """One exchange; what equals 0.9.5's is looked up there."""
    for exchange in json.loads((CONTRACT / version / f"{file}.json").read_text()):
        if exchange["id"] == id_:
            return recorded(exchange["same_as"], file, id_) if "same_as" in exchange else exchange
    raise LookupError(f"{version}/{file}.json has no {id_}")


def filled(value: Any) -> Any:
    """The recording with a fixed number of nanoseconds for each duration; cut lists shortened."""
    if isinstance(value, dict):
        return {key: filled(item) for key, item in value.items()}
    if isinstance(value, list):
        kept = [item for item in value if not re.fullmatch(r"<\d+ more \w+>", str(item))]
        return [filled(item) for item in kept]
    return 2_000_000_000 if value == "<duration_ns>" else value


class OddServer:
    """Serves on loopback with one function; keeps the requests' bodies."""

    def __init__(self, answer: Answerer) -> None:
        self.bodies: list[Any] = []
        bodies = self.bodies

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _serve(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                body = json.loads(self.rfile.read(length)) if length else None
                bodies.append(body)
                self.close_connection = True
                answer(self, self.command, self.path, body)

            do_GET = do_POST = _serve  # noqa: N815

            def log_message(self, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()
        self.base_url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def send(handler: BaseHTTPRequestHandler, status: int, body: bytes, kind: str = "application/json") -> None:
    handler.send_response(status)
    handler.send_header("Content-Type", kind)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


def send_lines(handler: BaseHTTPRequestHandler, lines: list[Any], *, end: bool = True) -> None:
    """A chunked stream, one line a chunk; without `end` it is cut as by a killed server."""
    handler.send_response(200)
    handler.send_header("Content-Type", "application/x-ndjson")
    handler.send_header("Transfer-Encoding", "chunked")
    handler.end_headers()
    for line in lines:
        data = json.dumps(line).encode() + b"\n"
        handler.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        handler.wfile.flush()
    if end:
        handler.wfile.write(b"0\r\n\r\n")


def replay(*exchanges: Exchange) -> Answerer:
    """Answer by method, path and the request's `model` and `think`; others get Ollama's own 404 text."""

    def key(method: str, path: str, body: Any) -> tuple[Any, ...]:
        body = body if isinstance(body, dict) else {}
        return (method, path.partition("?")[0], body.get("model"), body.get("think"))

    known = {key(e["request"]["method"], e["request"]["path"], e["request"].get("body")): e for e in exchanges}

    def answer(handler: BaseHTTPRequestHandler, method: str, path: str, body: Any) -> None:
        exchange = known.get(key(method, path, body))
        if exchange is None:
            send(handler, 404, b"404 page not found", "text/plain")
            return
        response = exchange["response"]
        if "lines" in response:
            send_lines(handler, filled(response["lines"]))
        elif isinstance(response["body"], str):
            send(handler, response["status"], response["body"].encode(), "text/plain")
        else:
            send(handler, response["status"], json.dumps(filled(response["body"])).encode())

    return answer


@pytest.fixture
def serve() -> Iterator[Callable[[Answerer], OddServer]]:
    servers: list[OddServer] = []

    def start(answer: Answerer) -> OddServer:
        servers.append(OddServer(answer))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


@pytest.fixture
def replaying(serve: Callable[[Answerer], OddServer]) -> Callable[..., OddServer]:
    """`replaying("0.9.5", ("health", "version"), …)` → a server that answers these recordings."""

    def start(version: str, *ids: tuple[str, str]) -> OddServer:
        return serve(replay(*(recorded(version, file, id_) for file, id_ in ids)))

    return start


@pytest.fixture
def streaming(serve: Callable[[Answerer], OddServer]) -> Callable[..., OddServer]:
    """A server that answers every request with these stream lines."""

    def start(*lines: Any, end: bool = True) -> OddServer:
        return serve(lambda handler, *_: send_lines(handler, list(lines), end=end))

    return start


@pytest.fixture
def saying(serve: Callable[[Answerer], OddServer]) -> Callable[[int, bytes], OddServer]:
    """A server that answers every request with this status and body."""
    return lambda status, body: serve(lambda handler, *_: send(handler, status, body))
