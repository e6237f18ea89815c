"""The little of HTTP/1.1 that the stand-ins speak: one request for each connection, in a thread of its own."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

MOST = 4 << 20


class Request:
    def __init__(self, method: str, target: str, body: bytes) -> None:
        parts = urlsplit(target)
        self.method, self.path = method, unquote(parts.path)
        self.query = dict(parse_qsl(parts.query))
        self.body = body

    def document(self) -> dict[str, Any]:
        found = json.loads(self.body or b"{}")
        return found if isinstance(found, dict) else {}


class Reply:
    """`body`: bytes, or pieces as they come."""

    def __init__(self, status: int, body: bytes | Iterator[bytes] = b"", kind: str = "application/json") -> None:
        self.status, self.body, self.kind = status, body, kind


def as_json(document: object, status: int = 200) -> Reply:
    return Reply(status, json.dumps(document).encode())


def serve(listener: socket.socket, answer: Callable[[Request], Reply]) -> None:
    """For ever."""
    while True:
        link, _ = listener.accept()
        threading.Thread(target=_one, args=(link, answer), daemon=True).start()


def _one(link: socket.socket, answer: Callable[[Request], Reply]) -> None:
    with link, contextlib.suppress(OSError, ValueError):
        request = _read(link)
        if request is not None:
            _write(link, answer(request))


def _read(link: socket.socket) -> Request | None:
    head = b""
    while b"\r\n\r\n" not in head and len(head) < MOST:
        piece = link.recv(65536)
        if not piece:
            return None
        head += piece
    text, _, body = head.partition(b"\r\n\r\n")
    lines = text.decode(errors="replace").split("\r\n")
    fields = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
    length = min(int(fields.get("content-length", "0")), MOST)
    while len(body) < length:
        piece = link.recv(65536)
        if not piece:
            return None
        body += piece
    method, target, *_ = lines[0].split(" ")
    return Request(method, target, body)


def _write(link: socket.socket, reply: Reply) -> None:
    head = f"HTTP/1.1 {reply.status} .\r\nContent-Type: {reply.kind}\r\nConnection: close\r\n"
    if isinstance(reply.body, bytes):
        link.sendall(f"{head}Content-Length: {len(reply.body)}\r\n\r\n".encode() + reply.body)
        return
    link.sendall(f"{head}Transfer-Encoding: chunked\r\n\r\n".encode())
    for piece in reply.body:
        if piece:
            link.sendall(b"%x\r\n%b\r\n" % (len(piece), piece))
    link.sendall(b"0\r\n\r\n")
