"""Text that would take a terminal over, and what stays of it in an output."""

from __future__ import annotations

import contextlib
import io
import json
import re
import signal
import threading
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from jetson_deploy.cli.main import main

MARK = "OWNED"
HOSTILE = (
    f"\x1b]0;{MARK}\x07"  # the title
    f"\x1b[2J\x1b[H\x1b[31m{MARK}"  # clears the screen, sets a colour
    f"\x1b]52;c;{MARK}\x1b\\"  # the clipboard
    f"\u202e{MARK}\u2066\u061c"  # reverses what follows
    f"\x9b31m\x9d0;{MARK}\x9c"  # the same as C1
    f"\x08\x7f[red]{MARK}[/red] [link=http://x.invalid]x[/link]"  # what rich would read
    f"\x1b]0;{MARK}"  # ends nowhere
)
_DIRECTION = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
_MOVES = re.compile(r"\x1b\[[0-9;?]*[A-HJKhlm]|\r(?=\x1b\[)")
"""Our own colours, and how rich draws."""


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@dataclass
class Shown:
    code: int
    out: str
    err: str


@contextlib.contextmanager
def on_a_terminal() -> Iterator[tuple[Terminal, Terminal]]:
    out, err = Terminal(), Terminal()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        yield out, err


def run(*words: str) -> Shown:
    """The command line, in this process, on a terminal."""
    handlers = [(number, signal.getsignal(number)) for number in (signal.SIGTERM, signal.SIGHUP)]
    code: object = None
    with on_a_terminal() as (out, err):
        try:
            main(list(words))
        except SystemExit as left:
            code = left.code
    for number, handler in handlers:
        signal.signal(number, handler)
    return Shown(code if isinstance(code, int) else 0, out.getvalue(), err.getvalue())


def harmful(text: str, *, coloured: bool = False) -> set[str]:
    """Characters that must not be there; `coloured`: beside our own sequences."""
    left = _MOVES.sub("", text) if coloured else text
    return {one for one in left.replace("\r\n", "\n") if _is_harmful(one)}


def _is_harmful(one: str) -> bool:
    if one in "\n\t":
        return False
    return (
        unicodedata.category(one) in ("Cc", "Cs")
        or unicodedata.bidirectional(one) in _DIRECTION
        or one in "\u200e\u200f\u061c"
    )


@contextlib.contextmanager
def hostile_http(status: int = 500, lines: tuple[dict[str, Any], ...] = ()) -> Iterator[str]:
    """A server of any kind: says yes to GET /, and what it is told to everything else; its address."""
    body = b"".join(json.dumps(one, ensure_ascii=False).encode() + b"\n" for one in lines)
    refusal = json.dumps({"error": HOSTILE, "errors": [{"code": HOSTILE, "message": HOSTILE}], "message": HOSTILE})

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/":
                self._say(b"Ollama is running", 200)
            else:
                self._say(refusal.encode(), status if status != 200 else 500)

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self._say(body or refusal.encode(), status)

        do_HEAD = do_GET  # noqa: N815 - the name that http.server calls

        def _say(self, said: bytes, code: int) -> None:
            self.send_response(code, f"\x1b]0;{MARK}\x07")
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(said)

        def log_message(self, *args: Any) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=http.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{http.server_address[1]}"
    finally:
        http.shutdown()
        thread.join()
        http.server_close()
