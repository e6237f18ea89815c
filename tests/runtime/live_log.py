"""A Docker Engine's socket with one log, which can be written to while it is followed."""

from __future__ import annotations

import contextlib
import json
import socketserver
import tempfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from scripted_engine import frame


class LiveLog:
    """`refuses`: it cannot be read."""

    def __init__(self) -> None:
        self.host = ""
        self.refuses = ""
        self.followers = 0
        self._lines: list[tuple[str, str]] = []
        self._changed = threading.Condition()
        self._run = 0

    def write(self, *lines: str) -> None:
        with self._changed:
            for line in lines:
                self._lines.append((f"2026-06-11T10:00:01.{len(self._lines):09}Z", line))
            self._changed.notify_all()

    def end_followers(self) -> None:
        """As when the container stops."""
        with self._changed:
            self._run += 1
            self._changed.notify_all()

    def so_far(self, query: dict[str, str]) -> tuple[tuple[int, int], list[tuple[str, str]]]:
        """Where a follower goes on, and what it is given before."""
        with self._changed:
            self.followers += 1
            place = len(self._lines), self._run
            if "since" not in query:
                return place, self._lines[-int(query["tail"]) :] if int(query["tail"]) else []
            fraction = query["since"].partition(".")[2]
            return place, [one for one in self._lines if one[0].partition(".")[2].rstrip("Z") >= fraction]

    def new_lines(self, at: int, run: int) -> list[tuple[str, str]] | None:
        with self._changed:
            self._changed.wait_for(lambda: len(self._lines) > at or self._run != run, 10)
            return None if self._run != run else self._lines[at:]


@contextlib.contextmanager
def live_log() -> Iterator[LiveLog]:
    log = LiveLog()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def address_string(self) -> str:
            return "unix"

        def do_GET(self) -> None:
            if self.path == "/version":
                self._answer(200, {"ApiVersion": "1.47"})
                return
            if log.refuses:
                self._answer(501, {"message": log.refuses})
                return
            query = {key: values[0] for key, values in parse_qs(urlsplit(self.path).query).items()}
            with contextlib.suppress(BrokenPipeError):
                self._follow(query)

        def _follow(self, query: dict[str, str]) -> None:
            (at, run), before = log.so_far(query)
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self._frames(before)
            while (found := log.new_lines(at, run)) is not None:
                at += len(found)
                self._frames(found)
            self.wfile.write(b"0\r\n\r\n")

        def _frames(self, lines: list[tuple[str, str]]) -> None:
            data = b"".join(frame(f"{stamp} {line}\n".encode(), 2) for stamp, line in lines)
            for part in (data[:5], data[5:]):  # the engine's chunks do not end with its frames
                if part:
                    self.wfile.write(b"%x\r\n%b\r\n" % (len(part), part))

        def _answer(self, status: int, document: dict[str, str]) -> None:
            body = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: Any) -> None:
            pass

    with tempfile.TemporaryDirectory(dir="/tmp", prefix="jd") as folder:
        path = str(Path(folder) / "s")
        server = socketserver.ThreadingUnixStreamServer(path, Handler)
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        log.host = f"unix://{path}"
        try:
            yield log
        finally:
            log.end_followers()
            server.shutdown()
            thread.join()
            server.server_close()
