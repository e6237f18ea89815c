"""A server that answers like Ollama, as the request's prompt says: `stream 5`, `whole 7`, `endless`, `busy` …"""

from __future__ import annotations

import contextlib
import hashlib
import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

SECOND = 1_000_000_000
PIECE = bytes(range(256)) * 256


class SmallOllama:
    """`models`: what /api/ps lists. `gone`: a client hung up on an endless answer. `hold`: answers wait for it."""

    def __init__(self) -> None:
        self.version = "0.9.5"
        self.models: list[dict[str, Any]] = []
        self.asked: list[str] = []
        self.gone = threading.Event()
        self.hold = threading.Event()
        self.hold.set()
        self.pieces = 0
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


def line(word: str, model: str = "smol:latest") -> bytes:
    return json.dumps({"model": model, "created_at": "x", "response": word, "done": False}).encode() + b"\n"


def final(tokens: int, model: str = "smol:latest", text: str = "", rate: int = 20) -> bytes:
    """With a context of as many numbers as Ollama sends, before the counters."""
    return json.dumps(
        {
            "model": model,
            "created_at": "x",
            "response": text,
            "done": True,
            "done_reason": "stop",
            "context": list(range(2000)),
            "total_duration": SECOND,
            "prompt_eval_count": 12,
            "prompt_eval_duration": SECOND // 10,
            "eval_count": tokens,
            "eval_duration": tokens * SECOND // rate,
        }
    ).encode()


def event(word: str | None, usage: int | None = None) -> bytes:
    chunk: dict[str, Any] = {"id": "x", "object": "chat.completion.chunk", "model": "smol", "choices": []}
    if word is not None:
        chunk["choices"] = [{"index": 0, "delta": {"role": "assistant", "content": word}, "finish_reason": None}]
    if usage is not None:
        chunk["usage"] = {"prompt_tokens": 12, "completion_tokens": usage, "total_tokens": 12 + usage}
    return b"data: " + json.dumps(chunk).encode() + b"\n\n"


@contextlib.contextmanager
def small_ollama() -> Iterator[SmallOllama]:
    server = SmallOllama()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            server.asked.append(self.path)
            if self.path == "/api/ps":
                self._whole(json.dumps({"models": server.models}).encode())
            elif self.path == "/api/version":
                self._whole(json.dumps({"version": server.version}).encode())
            else:
                self._whole(b"Ollama is running")

        def do_HEAD(self) -> None:
            self.do_GET()

        def do_POST(self) -> None:
            server.asked.append(self.path)
            body = self._body()
            words = str(json.loads(body).get("prompt", "")).split() if body[:1] == b"{" else ["big"]
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                getattr(self, f"_{words[0]}")(*words[1:], body=body)

        def _body(self) -> bytes:
            if "chunked" not in self.headers.get("Transfer-Encoding", ""):
                return self.rfile.read(int(self.headers.get("Content-Length", 0)))
            found = b""
            while size := int(self.rfile.readline(), 16):
                found += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return found

        def _stream(self, tokens: str, *, body: bytes) -> None:
            self._chunks(
                "application/x-ndjson", [*(line(f"w{n}") for n in range(int(tokens))), final(int(tokens)) + b"\n"]
            )

        def _think(self, tokens: str, *, body: bytes) -> None:
            part = {"model": "smol:latest", "message": {"content": "", "thinking": "hm"}, "done": False}
            thoughts = [json.dumps(part).encode() + b"\n"] * int(tokens)
            self._chunks("application/x-ndjson", [*thoughts, final(int(tokens)) + b"\n"])

        def _broken(self, tokens: str, *, body: bytes) -> None:
            cut = b'{"error":"llama runner process no longer running: unexpected EOF"}\n'
            self._chunks("application/x-ndjson", [*(line("w") for _ in range(int(tokens))), cut])

        def _cut(self, tokens: str, *, body: bytes) -> None:
            """The runner died: HTTP ends in order, and `done` never comes."""
            self._chunks("application/x-ndjson", [line("w") for _ in range(int(tokens))])

        def _named(self, *names: str, body: bytes) -> None:
            """As /v1/responses and /v1/messages stream."""
            data = b'data: {"type": "x", "text": "event: response.completed"}\n\n'
            self._chunks("text/event-stream", [f"event: {name}\n".encode() + data for name in names])

        def _cut_events(self, tokens: str, *, body: bytes) -> None:
            self._chunks("text/event-stream", [event("w") for _ in range(int(tokens))])

        def _gone(self, tokens: str, *, body: bytes) -> None:
            """The server died: its connection ends within the body."""
            self._head("application/x-ndjson", ("Transfer-Encoding", "chunked"))
            for _ in range(int(tokens)):
                self._chunk(line("w"))
            self.close_connection = True

        def _nothing(self, *, body: bytes) -> None:
            self.close_connection = True

        def _short(self, *, body: bytes) -> None:
            self._head("application/json", ("Content-Length", "1000"))
            self.wfile.write(b'{"id": "x", "choices"')
            self.close_connection = True

        def _whole_answer(self, tokens: str, *, body: bytes) -> None:
            self._whole(final(int(tokens), text='word "eval_count":99 ' * 5000))

        def _events(self, tokens: str, *, body: bytes) -> None:
            usage = event(None, int(tokens))
            self._chunks("text/event-stream", [*(event("w") for _ in range(int(tokens))), usage, b"data: [DONE]\n\n"])

        def _plain_events(self, tokens: str, *, body: bytes) -> None:
            words = [event(f"w{n}") for n in range(int(tokens))]
            self._chunks("text/event-stream", [*words, event(""), b"data: [DONE]\n\n"], pause=0.002)

        def _endless(self, *, body: bytes) -> None:
            self._head("application/x-ndjson", ("Transfer-Encoding", "chunked"))
            try:
                while True:
                    self._chunk(line("w"))
                    time.sleep(0.002)
            except OSError:
                server.gone.set()

        def _busy(self, *, body: bytes) -> None:
            self._whole(b'{"error":"server busy, please try again.  maximum pending requests exceeded"}', 503)

        def _big(self, *, body: bytes) -> None:
            self._whole(json.dumps({"size": len(body), "sha256": hashlib.sha256(body).hexdigest()}).encode())

        def _pieces(self, count: str, *, body: bytes) -> None:
            self._head("application/octet-stream", ("Content-Length", str(len(PIECE) * int(count))))
            for _ in range(int(count)):
                self.wfile.write(PIECE)
                server.pieces += 1

        def _chunks(self, kind: str, parts: list[bytes], pause: float = 0.0) -> None:
            self._head(kind, ("Transfer-Encoding", "chunked"))
            for part in parts:
                self._chunk(part)
                time.sleep(pause)
            self.wfile.write(b"0\r\n\r\n")

        def _chunk(self, part: bytes) -> None:
            self.wfile.write(b"%x\r\n%b\r\n" % (len(part), part))

        def _whole(self, body: bytes, status: int = 200) -> None:
            self._head("application/json", ("Content-Length", str(len(body))), status)
            if self.command != "HEAD":
                self.wfile.write(body)

        def _head(self, kind: str, length: tuple[str, str], status: int = 200) -> None:
            server.hold.wait(10)
            self.send_response_only(status)
            self.send_header("Content-Type", kind)
            self.send_header(*length)
            self.end_headers()

        def date_time_string(self, timestamp: float | None = None) -> str:
            return "Thu, 11 Jun 2026 10:00:00 GMT"  # answers are compared

        def log_message(self, *args: Any) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    http.daemon_threads = True
    server.port = http.server_address[1]
    thread = threading.Thread(target=http.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield server
    finally:
        server.hold.set()
        http.shutdown()
        thread.join()
        http.server_close()
