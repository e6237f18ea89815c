"""A store with models in it, a server over it in this process, and clients that are not polite."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from registry_server import MANIFEST_TYPE, Model, blob_file, small_model

from jetson_deploy.events import Event, Note
from jetson_deploy.store.layout import StorePaths
from jetson_deploy.store.serve.listen import ListenAddress, listening_socket
from jetson_deploy.store.serve.server import Bounds, StoreServer
from jetson_deploy.store.serve.tally import Tally

OLLAMA = "registry.ollama.ai"
HUGE = "sha256:" + "1" * 64
BLOB = f"/v2/library/huge/blobs/{HUGE}"
MANY = 50 << 20
"""More than the kernel takes for a client that reads nothing."""


def put(store: Path, path: str, model: Model) -> Model:
    """As a fetch leaves it; `path` below `manifests/`."""
    (store / "blobs").mkdir(parents=True, exist_ok=True)
    for digest, content in model.blobs.items():
        blob_file(store, digest).write_bytes(content)
    manifest = store / "manifests" / path
    manifest.parent.mkdir(parents=True, exist_ok=True)
    manifest.write_bytes(model.manifest)
    return model


def put_huge(store: Path, size: int, media: str = MANIFEST_TYPE) -> Path:
    """`library/huge:latest`, whose weights are a hole of `size` bytes under a made-up digest; their file."""
    model = small_model(1)
    document = json.loads(model.manifest) | {"mediaType": media}
    document["layers"][0] |= {"digest": HUGE, "size": size}
    put(store, f"{OLLAMA}/library/huge/latest", Model(json.dumps(document).encode(), model.blobs))
    file = blob_file(store, HUGE)
    with file.open("wb") as opened:
        opened.truncate(size)
    return file


@dataclass
class Served:
    tally: Tally
    port: int
    host: str = "127.0.0.1"
    events: list[Event] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"

    @property
    def notes(self) -> list[str]:
        return [event.text for event in self.events if isinstance(event, Note)]

    def connect(self, **options: Any) -> socket.socket:
        link = socket.socket()
        link.settimeout(10)
        for name, value in options.items():
            link.setsockopt(socket.SOL_SOCKET, getattr(socket, name), value)
        link.connect((self.host, self.port))
        return link

    def say(self, data: bytes) -> bytes:
        """Everything that comes back until the server closes."""
        with self.connect() as link:
            link.sendall(data)
            return read_all(link)


def get(path: str, *headers: str, method: str = "GET") -> bytes:
    return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: test", *headers, "", ""]).encode()


def status_and_body(answer: bytes) -> tuple[int, bytes]:
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split(b" ")[1]), body


def eventually(holds: Callable[[], bool], seconds: float = 5.0) -> None:
    """The server counts after the client has read."""
    until = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.01)


def read_all(link: socket.socket) -> bytes:
    received = bytearray()
    with contextlib.suppress(ConnectionError):
        while data := link.recv(1 << 16):
            received += data
    return bytes(received)


@contextlib.contextmanager
def serving_store(store: Path, *, detailed: bool = False, **bounds: Any) -> Iterator[Served]:
    events: list[Event] = []
    listener = listening_socket(ListenAddress("127.0.0.1", 0))
    tally = Tally(events.append, detailed=detailed)
    bounds = {"wait_seconds": 0.2} | bounds
    stop = threading.Event()
    server = StoreServer(StorePaths(store), listener, Bounds(**bounds), tally, stop)
    served = Served(tally, listener.getsockname()[1], events=events)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        yield served
    finally:
        stop.set()
        thread.join(60)  # ends a hang: no client of a test is served out or given up in that time
        assert not thread.is_alive()
