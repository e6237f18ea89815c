"""A server that answers with the given pages, and 501 otherwise, as llama-server does without its metrics."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@contextlib.contextmanager
def llama_server(pages: dict[str, str], asked: list[str] | None = None) -> Iterator[int]:
    """`asked` is given the paths, as they come."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if asked is not None:
                asked.append(self.path)
            found = pages.get(self.path)
            self.send_response(501 if found is None else 200)
            self.end_headers()
            self.wfile.write((found or '{"error":{"message":"not supported"}}').encode())

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
