"""A socket between tool and engine that writes down what is asked of the engine."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_REQUEST = re.compile(rb"(GET|HEAD|POST|PUT|DELETE|PATCH) (/\S*) HTTP/1\.[01]\r\n")
_HARMLESS = ("GET", "HEAD")


class CountingSocket:
    def __init__(self, path: Path, engine: Path) -> None:
        self.host = f"unix://{path}"
        self._engine = engine
        self._sent: list[bytearray] = []
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(str(path))
        self._listener.listen(64)
        self._threads = [threading.Thread(target=self._serve)]
        self._threads[0].start()

    def asked(self) -> list[str]:
        """`METHOD /path` of every request since the last call."""
        sent, self._sent = self._sent, []
        return [f"{m.decode()} {path.decode()}" for one in sent for m, path in _REQUEST.findall(bytes(one))]

    def close(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(10)

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            engine = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            engine.connect(str(self._engine))
            said = bytearray()
            self._sent.append(said)
            for source, sink, heard in ((client, engine, said), (engine, client, None)):
                thread = threading.Thread(target=_pump, args=(source, sink, heard))
                self._threads.append(thread)
                thread.start()


def _pump(source: socket.socket, sink: socket.socket, heard: bytearray | None) -> None:
    with suppress(OSError):
        while data := source.recv(1 << 16):
            if heard is not None:
                heard += data
            sink.sendall(data)
    for end in (source, sink):
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
    sink.close()


def mutating(asked: list[str]) -> list[str]:
    return [request for request in asked if not request.startswith(_HARMLESS)]


@contextmanager
def counting_socket(directory: Path, engine: Path) -> Iterator[CountingSocket]:
    counting = CountingSocket(directory / "counting.sock", engine)
    try:
        yield counting
    finally:
        counting.close()
        (directory / "counting.sock").unlink()
