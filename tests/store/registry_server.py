"""A small registry over HTTP for tests, with faults that can be switched on; and models to put into it.

Runs in threads of the test's process, on loopback. `Fault`s apply to requests whose path contains `path`,
`times` times.
"""

from __future__ import annotations

import functools
import hashlib
import json
import random
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

MANIFEST_TYPE = "application/vnd.docker.distribution.manifest.v2+json"
SMALL_BLOBS = Path(__file__).parents[1] / "data" / "manifests" / "blobs"
_MEDIA = "application/vnd.ollama.image."


@dataclass
class Fault:
    """`kind`: cut, stall, corrupt (at `after` bytes), short, long (Content-Length and body), longer-unannounced,
    unannounced (no Content-Length), status (`code`), redirect (`to`), drop (no answer), silence, lying-digest,
    other-manifest, whole (200 for a Range), other-range (206 for another one), refuse-range (416), less (half of
    the range)."""

    kind: str
    path: str = "/v2/"
    times: int = 1_000_000
    after: int = 0
    code: int = 500
    to: str = ""


@dataclass
class Model:
    """A manifest and its blobs by digest."""

    manifest: bytes
    blobs: dict[str, bytes]

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.manifest).hexdigest()

    @property
    def size(self) -> int:
        return sum(len(b) for b in self.blobs.values())

    @property
    def largest(self) -> str:
        return max(self.blobs, key=lambda d: len(self.blobs[d]))


def digest_of(content: bytes) -> str:
    return "sha256:" + hashlib.sha256(content).hexdigest()


def small_model(weights_bytes: int = 300_000, seed: int = 1) -> Model:
    """Made-up weights with the real config, template, licence and parameters of deepseek-r1:7b."""
    weights = _weights(weights_bytes, seed)
    layers = [("model", weights)]
    for kind, start in (("template", "c5ad996b"), ("license", "6e4c38e1"), ("params", "f4d24e91")):
        layers.append((kind, next(SMALL_BLOBS.glob(f"sha256-{start}*")).read_bytes()))
    config = next(SMALL_BLOBS.glob("sha256-40fb8441*")).read_bytes()
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST_TYPE,
        "config": _entry("application/vnd.docker.container.image.v1+json", config),
        "layers": [_entry(_MEDIA + kind, content) for kind, content in layers],
    }
    contents = [config, *(content for _, content in layers)]
    return Model(json.dumps(manifest, separators=(",", ":")).encode(), {digest_of(c): c for c in contents})


@functools.cache
def _weights(size: int, seed: int) -> bytes:
    return random.Random(seed).randbytes(size)


def _entry(media: str, content: bytes) -> dict[str, Any]:
    return {"mediaType": media, "digest": digest_of(content), "size": len(content)}


@dataclass
class RegistryServer:
    """Serves `manifests` (by `ns/model:tag`) and `blobs` (by digest). `seen` holds the paths asked for."""

    manifests: dict[str, bytes] = field(default_factory=dict)
    blobs: dict[str, bytes] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    seen: list[str] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    chunksums: dict[str, bytes] = field(default_factory=dict)
    """By the digest of the blob."""
    wanted: str | None = None
    """The Authorization header without which every answer is 401 with `challenge`."""
    challenge: str = ""
    token: bytes | None = None
    """What /token answers."""
    redirect_blobs_to: str = ""
    sent: int = 0
    """Bytes of bodies, as far as they were meant to be sent."""
    closing: threading.Event = field(default_factory=threading.Event)
    asked: threading.Event = field(default_factory=threading.Event)
    """Set when a stall or a silence has begun."""
    url: str = ""

    def add(self, name: str, model: Model) -> Model:
        self.manifests[name] = model.manifest
        self.blobs.update(model.blobs)
        return model

    def blob_requests(self) -> list[str]:
        return [path.rpartition("/")[2] for path in self.seen if "/blobs/" in path]

    def fault_for(self, path: str) -> Fault:
        for fault in self.faults:
            if fault.path in path and fault.times > 0:
                fault.times -= 1
                return fault
        return Fault("none")

    def content(self, path: str) -> bytes | None:
        match = re.fullmatch(r"(?:http://registry.invalid)?/v2/(.+)/(manifests|blobs|chunksums)/([^/]+)", path)
        if match is None:
            return None
        name, kind, reference = match.groups()
        if kind == "chunksums":
            return self.chunksums.get(reference)
        return self.blobs.get(reference) if kind == "blobs" else self.manifests.get(f"{name}:{reference}")


@contextmanager
def serving(server: RegistryServer | None = None) -> Iterator[RegistryServer]:
    """Runs the registry until the end of the block."""
    registry = server or RegistryServer()

    class Handler(_Handler):
        served = registry

    http = _Server(("127.0.0.1", 0), Handler)
    http.daemon_threads = False
    thread = threading.Thread(target=http.serve_forever, args=(0.02,))
    thread.start()
    registry.url = f"http://127.0.0.1:{http.server_address[1]}"
    try:
        yield registry
    finally:
        registry.closing.set()
        http.shutdown()
        thread.join()
        http.server_close()


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is what these tests are about."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = 5
    served: RegistryServer

    def do_GET(self) -> None:
        self.served.seen.append(self.path)
        self.served.headers.append(dict(self.headers))
        fault = self.served.fault_for(self.path)
        content = self.served.content(self.path)
        try:
            if self.served.token is not None and self.path.startswith("/token"):
                self._bytes(self.served.token)
            elif self.served.wanted not in (None, self.headers.get("Authorization")):
                self._unauthorized()
            elif self.served.redirect_blobs_to and "/blobs/" in self.path:
                self._status(Fault("redirect", to=self.served.redirect_blobs_to))
            elif fault.kind in ("drop", "silence"):
                self._no_answer(fault)
            elif fault.kind in ("status", "redirect"):
                self._status(fault)
            elif content is None:
                self._status(Fault("status", code=404))
            else:
                self._content(content, fault)
        except OSError:
            self.close_connection = True

    def _no_answer(self, fault: Fault) -> None:
        self.close_connection = True
        if fault.kind == "silence":
            self.served.asked.set()
            self.served.closing.wait(20)

    def _bytes(self, content: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _unauthorized(self) -> None:
        self.send_response(401)
        self.send_header("WWW-Authenticate", self.served.challenge)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _status(self, fault: Fault) -> None:
        self.send_response(307 if fault.kind == "redirect" else fault.code)
        if fault.kind == "redirect":
            # A bare http://host:port gets the request's path; any other target is used as it is.
            self.send_header("Location", fault.to + (self.path if fault.to[-1:].isdigit() else ""))
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _content(self, content: bytes, fault: Fault) -> None:
        digest = digest_of(content)
        if fault.kind == "lying-digest":
            digest = "sha256:" + "0" * 64
        size, (start, end) = len(content), _range(self.headers.get("Range"), len(content))
        if "Range" in self.headers and fault.kind == "refuse-range":
            self._status(Fault("status", code=416))
            return
        partial = "Range" in self.headers and fault.kind != "whole"
        if partial:
            end = (start + end) // 2 if fault.kind == "less" else end
            content = content[start:end]
        content = _spoilt(content, fault)
        self.served.sent += len(content)
        self.send_response(206 if partial else 200)
        if partial:
            shift = 1 if fault.kind == "other-range" else 0
            self.send_header("Content-Range", f"bytes {start + shift}-{end - 1 + shift}/{size}")
        self.send_header("Docker-Content-Digest", digest)
        self.send_header("Content-Type", MANIFEST_TYPE)
        if "unannounced" in fault.kind:
            self.send_header("Connection", "close")
            self.close_connection = True
        else:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if fault.kind in ("cut", "stall"):
            self.wfile.write(content[: fault.after])
            self.close_connection = True
            if fault.kind == "stall":
                self.served.asked.set()
                self.served.closing.wait(20)
            return
        self.wfile.write(content)

    def log_message(self, *args: Any) -> None:
        pass


def _range(header: str | None, size: int) -> tuple[int, int]:
    if header is None:
        return 0, size
    first, _, last = header.removeprefix("bytes=").partition("-")
    return int(first), int(last) + 1


def _spoilt(content: bytes, fault: Fault) -> bytes:
    if fault.kind == "corrupt":
        return content[: fault.after] + bytes([content[fault.after] ^ 1]) + content[fault.after + 1 :]
    if fault.kind == "short" or (fault.kind == "unannounced" and fault.after):
        return content[: fault.after]
    if fault.kind in ("long", "longer-unannounced"):
        return content + b"x" * (fault.after or 1)
    return content


def blob_file(store: Path, digest: str) -> Path:
    return store / "blobs" / digest.replace(":", "-")


def assert_whole(store: Path, model: Model, path: str = "registry.ollama.ai/library/deepseek-r1/7b") -> None:
    assert (store / "manifests" / path).read_bytes() == model.manifest
    for digest, content in model.blobs.items():
        assert blob_file(store, digest).read_bytes() == content
    assert [*(store / ".jetson-deploy" / "tmp").iterdir(), *(store / ".jetson-deploy" / "partial").iterdir()] == []
