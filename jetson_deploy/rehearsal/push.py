"""Push blobs and a manifest to a registry: `python -m jetson_deploy.rehearsal.push HOST:PORT BUNDLE`.

A bundle is a directory: `bundle.json` (repository, tag, media type), `manifest.json` and one file per blob,
named by its 64 hex digits.
"""

from __future__ import annotations

import hashlib
import http.client
import sys
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

CHUNK = 1 << 20


class Label(msgspec.Struct, frozen=True, kw_only=True):
    repository: str
    tag: str
    media_type: str


class Bundle:
    """What is to be pushed, on disk."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        directory.mkdir(parents=True, exist_ok=True)

    def add(self, content: bytes) -> tuple[str, int]:
        """Digest (`sha256:…`) and size of a new blob."""
        name = hashlib.sha256(content).hexdigest()
        (self.directory / name).write_bytes(content)
        return f"sha256:{name}", len(content)

    def add_file(self, path: Path) -> tuple[str, int]:
        """The same for a file, which is linked or copied."""
        digest = hashlib.sha256()
        with path.open("rb") as file:
            while chunk := file.read(CHUNK):
                digest.update(chunk)
        link = self.directory / digest.hexdigest()
        if not link.exists():
            link.symlink_to(path.resolve())
        return f"sha256:{digest.hexdigest()}", path.stat().st_size

    def finish(self, label: Label, manifest: bytes) -> str:
        """Write manifest and label; 64 hex digits of the manifest."""
        (self.directory / "manifest.json").write_bytes(manifest)
        (self.directory / "bundle.json").write_bytes(msgspec.json.encode(label))
        return hashlib.sha256(manifest).hexdigest()


def push(address: str, directory: Path) -> None:
    """Blobs first, manifest last. Raises RuntimeError with the registry's words."""
    label = msgspec.json.decode((directory / "bundle.json").read_bytes(), type=Label)
    connection = http.client.HTTPConnection(address, timeout=60)
    for blob in sorted(p for p in directory.iterdir() if len(p.name) == 64):
        _push_blob(connection, label.repository, blob)
    path = f"/v2/{label.repository}/manifests/{label.tag}"
    content = (directory / "manifest.json").read_bytes()
    _ask(connection, "PUT", path, content, {"Content-Type": label.media_type})
    connection.close()


def _push_blob(connection: http.client.HTTPConnection, repository: str, blob: Path) -> None:
    location = _ask(connection, "POST", f"/v2/{repository}/blobs/uploads/", b"", {})
    target = urlsplit(location)
    query = f"{target.query}&" if target.query else ""
    path = f"{target.path}?{query}digest=sha256:{blob.name}"
    headers = {"Content-Type": "application/octet-stream"}
    _ask(connection, "PUT", path, blob.read_bytes(), headers)


def _ask(connection: http.client.HTTPConnection, method: str, path: str, body: bytes, headers: dict[str, str]) -> str:
    connection.request(method, path, body=body, headers={"Content-Length": str(len(body)), **headers})
    answer = connection.getresponse()
    text = answer.read()
    if answer.status not in (201, 202):
        raise RuntimeError(f"{method} {path}: {answer.status} {text[:200].decode(errors='replace')}")
    return answer.headers.get("Location", "")


if __name__ == "__main__":
    push(sys.argv[1], Path(sys.argv[2]))
