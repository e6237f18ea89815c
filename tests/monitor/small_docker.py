"""A Docker Engine's socket with one container, its stats, and a log that can be written to while it is followed."""

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

from engine_socket import RecordedEngine

LABEL = "io.jetson-deploy."


class SmallDocker:
    """`container`: the inspect answer, None: there is none. `refuses`: the log cannot be read."""

    def __init__(self) -> None:
        self.container = RecordedEngine().container
        assert self.container is not None
        self.container["State"].update(Status="running", StartedAt="2026-06-11T10:00:00.5Z", Running=True)
        self.refuses: str | None = None
        self.strange = False
        self.asked: list[str] = []
        self.path = ""
        self._lines: list[tuple[str, str]] = []
        self._changed = threading.Condition()
        self._run = 0

    @property
    def host(self) -> str:
        return f"unix://{self.path}"

    def label(self, **labels: str) -> None:
        assert self.container is not None
        self.container["Config"]["Labels"] = {LABEL + key.replace("_", "-"): value for key, value in labels.items()}

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
            place = len(self._lines), self._run
            if "since" not in query:
                return place, self._lines[-int(query["tail"]) :] if int(query["tail"]) else []
            fraction = query["since"].partition(".")[2]
            return place, [one for one in self._lines if one[0].partition(".")[2].rstrip("Z") >= fraction]

    def new_lines(self, at: int, run: int) -> list[tuple[str, str]] | None:
        with self._changed:
            self._changed.wait_for(lambda: len(self._lines) > at or self._run != run, 10)
            return None if self._run != run else self._lines[at:]


def frame(stamp: str, line: str) -> bytes:
    text = f"{stamp} {line}\n".encode()
    return b"\2\0\0\0" + len(text).to_bytes(4, "big") + text


@contextlib.contextmanager
def small_docker() -> Iterator[SmallDocker]:
    engine = SmallDocker()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def address_string(self) -> str:
            return "unix"

        def do_GET(self) -> None:
            engine.asked.append(self.path)
            parts = urlsplit(self.path)
            query = {key: values[0] for key, values in parse_qs(parts.query).items()}
            if parts.path == "/containers/json":
                self._json([_listed(engine.container)] if engine.container else [])
            elif engine.strange:
                self._json({"Id": 1})
            elif engine.container is None:
                self._json({"message": "No such container"}, 404)
            elif parts.path.endswith("/stats"):
                usage = {"usage": 500, "stats": {"inactive_file": 100}}
                self._json({"cpu_stats": {"cpu_usage": {"total_usage": 2_500_000_000}}, "memory_stats": usage})
            elif parts.path.endswith("/logs"):
                with contextlib.suppress(BrokenPipeError):
                    self._log(query)
            else:
                self._json(engine.container)

        def _log(self, query: dict[str, str]) -> None:
            if engine.refuses:
                self._json({"message": engine.refuses}, 501)
                return
            (at, run), before = engine.so_far(query)
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self._frames(before)
            while "follow" in query and (found := engine.new_lines(at, run)) is not None:
                at += len(found)
                self._frames(found)
            self.wfile.write(b"0\r\n\r\n")

        def _frames(self, lines: list[tuple[str, str]]) -> None:
            data = b"".join(frame(*one) for one in lines)
            for part in (data[:5], data[5:]):  # the engine's chunks do not end with its frames
                if part:
                    self.wfile.write(b"%x\r\n%b\r\n" % (len(part), part))

        def _json(self, answer: Any, status: int = 200) -> None:
            body = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: Any) -> None:
            pass

    with tempfile.TemporaryDirectory(dir="/tmp", prefix="jd") as folder:
        engine.path = str(Path(folder) / "s")
        server = socketserver.ThreadingUnixStreamServer(engine.path, Handler)
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield engine
        finally:
            engine.end_followers()
            server.shutdown()
            thread.join()
            server.server_close()


def _listed(found: dict[str, Any]) -> dict[str, Any]:
    return {"Id": found["Id"], "Names": [found["Name"]], "Labels": found["Config"]["Labels"]}
