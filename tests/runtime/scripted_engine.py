"""A Docker Engine's socket that notes what it is asked, and answers by script."""

from __future__ import annotations

import contextlib
import itertools
import json
import socketserver
import tempfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any


class ScriptedEngine:
    """`answers`: by method and path without its query; a list is given out one by one, its last for ever."""

    def __init__(self) -> None:
        self.host = ""
        self.asked: list[tuple[str, str, Any]] = []
        self.connections: list[int] = []
        """Which one each question came over."""
        self.answers: dict[str, tuple[int, Any] | list[tuple[int, Any]]] = {}

    def refuse(self, what: str, status: int, message: str) -> None:
        self.answers[what] = (status, {"message": message})

    def answer(self, method: str, path: str, body: bytes) -> tuple[int, bytes]:
        self.asked.append((method, path, json.loads(body) if body else None))
        found = self.answers.get(f"{method} {path.partition('?')[0]}", (204, b""))
        if isinstance(found, list):
            found = found.pop(0) if len(found) > 1 else found[0]
        return found[0], found[1] if isinstance(found[1], bytes) else json.dumps(found[1]).encode()


@contextlib.contextmanager
def scripted_engine() -> Iterator[ScriptedEngine]:
    engine, numbers = ScriptedEngine(), itertools.count()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def setup(self) -> None:
            super().setup()
            self._number = next(numbers)

        def address_string(self) -> str:
            return "unix"

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            engine.connections.append(self._number)
            status, data = engine.answer(self.command, self.path, body)
            self.send_response(status)
            if status != 204:
                self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            with contextlib.suppress(BrokenPipeError):  # a follower that goes away
                self.wfile.write(data)

        do_GET = do_POST = do_DELETE = _answer  # noqa: N815 - http.server's names

        def log_message(self, *args: Any) -> None:
            pass

    with tempfile.TemporaryDirectory(dir="/tmp", prefix="jd") as folder:
        path = str(Path(folder) / "s")
        server = socketserver.ThreadingUnixStreamServer(path, Handler)
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        engine.host = f"unix://{path}"
        try:
            yield engine
        finally:
            server.shutdown()
            thread.join()
            server.server_close()


def frame(text: bytes, stream: int = 1) -> bytes:
    return bytes([stream, 0, 0, 0]) + len(text).to_bytes(4, "big") + text
