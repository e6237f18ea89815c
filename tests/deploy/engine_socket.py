"""A Docker Engine's socket that answers GET alone, from what was recorded of a real one."""

from __future__ import annotations

import contextlib
import copy
import json
import re
import socketserver
import tempfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

INSPECTED = Path(__file__).parents[1] / "data" / "inspect" / "engine-20.10.24.json"


class RecordedEngine:
    """`container` and `image` may be changed; None: there is none. `asked` holds the paths, in order."""

    def __init__(self) -> None:
        recorded = json.loads(INSPECTED.read_text())
        self.container: dict[str, Any] | None = copy.deepcopy(recorded["container"])
        self.image: dict[str, Any] | None = copy.deepcopy(recorded["image"])
        self.asked: list[str] = []

    @property
    def name(self) -> str:
        assert self.container is not None
        return str(self.container["Name"]).lstrip("/")

    def answer(self, path: str) -> Any:
        """None: 404."""
        path = re.sub(r"^/v1\.[0-9]+", "", path)
        self.asked.append(path)
        if path == "/version":
            return {"Version": "20.10.24", "ApiVersion": "1.41", "MinAPIVersion": "1.12", "Os": "linux"}
        if path == "/info":
            return {"Runtimes": {"nvidia": {}, "runc": {}}, "DockerRootDir": "/nowhere", "ServerVersion": "20.10.24"}
        if path.startswith("/containers/json"):
            return [self._listed()] if self.container is not None else []
        if path == "/images/json":
            return [] if self.image is None else [_listed_image(self.image)]
        if path.startswith("/containers/") and path.endswith("/json"):
            return self.container
        return self.image if path.startswith("/images/sha256") else None

    def _listed(self) -> dict[str, Any]:
        found = self.container or {}
        return {
            "Id": found["Id"],
            "Names": [found["Name"]],
            "Image": found["Config"]["Image"],
            "ImageID": found["Image"],
            "Labels": found["Config"]["Labels"],
            "State": found["State"]["Status"],
            "Status": found["State"]["Status"],
        }


def _listed_image(image: dict[str, Any]) -> dict[str, Any]:
    return {"Id": image["Id"], "RepoTags": image["RepoTags"], "RepoDigests": image["RepoDigests"], "Size": 1}


@contextlib.contextmanager
def engine_socket(engine: RecordedEngine) -> Iterator[str]:
    """Path of the socket: one of at most 108 bytes."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def address_string(self) -> str:
            return "unix"

        def do_GET(self) -> None:
            found = engine.answer(self.path)
            body = json.dumps({"message": "none"} if found is None else found).encode()
            self.send_response(404 if found is None else 200)
            self.send_header("Content-Type", "application/json")
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
        try:
            yield path
        finally:
            server.shutdown()
            thread.join()
            server.server_close()
