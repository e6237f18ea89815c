"""An alert to send, and the other end of a webhook."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import msgspec

from jetson_deploy.monitor.alerts.firing import Firing
from jetson_deploy.monitor.alerts.messages import Message

HOT = Firing(
    id="thermal-throttle",
    subject="",
    severity="critical",
    title="thermal throttling",
    cause="tj is at 99 °C <&> more.",
    fix="Clean the heat sink.",
    value=1.0,
    since=990.0,
)


class Receiver:
    """A webhook's other end: `codes` are its answers, the last one for all that follow."""

    def __init__(self) -> None:
        self.codes = [200]
        self.bodies: list[Any] = []
        self.arrived = threading.Semaphore(0)
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.bodies.append(json.loads(body))
                code = receiver.codes.pop(0) if len(receiver.codes) > 1 else receiver.codes[0]
                self.send_response(code)
                self.send_header("Content-Length", "0")
                self.end_headers()
                receiver.arrived.release()

            def log_message(self, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/secret/path?token=x"

    def wait(self, count: int = 1) -> list[Any]:
        for _ in range(count):
            assert self.arrived.acquire(timeout=10)
        return self.bodies


def message(number: int) -> Message:
    return Message(state="firing", at=0.0, alert=msgspec.structs.replace(HOT, id=f"a{number}"))
