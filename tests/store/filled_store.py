"""Stores written by hand, as another tool would, and what can happen to one blob of them."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from registry_server import MANIFEST_TYPE, Model, blob_file, digest_of

from jetson_deploy.store.layout import prepare_store

SEVEN = "registry.ollama.ai/library/deepseek-r1/7b"
A_DAY = 86_400


def put(store: Path, model: Model, path: str = SEVEN) -> Model:
    """The manifest under `path`, and the blobs."""
    manifest = store / "manifests" / path
    manifest.parent.mkdir(parents=True, exist_ok=True)
    (store / "blobs").mkdir(exist_ok=True)
    manifest.write_bytes(model.manifest)
    for digest, content in model.blobs.items():
        blob_file(store, digest).write_bytes(content)
    return model


def model_of(*contents: bytes) -> Model:
    """A model with just these layers; the first is the config too."""
    entries = [
        {"mediaType": "application/vnd.ollama.image.model", "digest": digest_of(content), "size": len(content)}
        for content in contents
    ]
    manifest: dict[str, Any] = {"schemaVersion": 2, "mediaType": MANIFEST_TYPE, "config": entries[0]}
    manifest["layers"] = entries
    return Model(json.dumps(manifest).encode(), {digest_of(content): content for content in contents})


def kept_manifest(store: Path, model: Model) -> Path:
    """The model's manifest was replaced under its name."""
    path = prepare_store(store).kept / model.digest
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(model.manifest)
    (store / "manifests" / SEVEN).unlink()
    return path


def stray_blob(store: Path, content: bytes = b"nobody needs this") -> Path:
    path = blob_file(store, digest_of(content))
    path.write_bytes(content)
    return path


def rot(path: Path) -> None:
    """One bit of it flips on the disk: nothing else tells."""
    before = path.stat()
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    with path.open("r+b") as file:
        file.write(content)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def _replaced_by(make: Callable[[Path], object]) -> Callable[[Path], None]:
    def damage(path: Path) -> None:
        path.unlink()
        make(path)

    return damage


DAMAGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "missing": (Path.unlink, "absent"),
    "dangling": (_replaced_by(lambda path: path.symlink_to("nowhere")), "a symlink to nowhere"),
    "loop": (_replaced_by(lambda path: path.symlink_to(path.name)), "a symlink to itself"),
    "directory": (_replaced_by(Path.mkdir), "a directory"),
    "pipe": (_replaced_by(os.mkfifo), "a named pipe"),
    "device": (_replaced_by(lambda path: path.symlink_to("/dev/zero")), "a device"),
}
"""What stands there instead of a file: how it comes about, and how it is called."""


def content_of(store: Path) -> dict[str, bytes]:
    """Every regular file below the store, without our own directory."""
    files = (path for path in sorted(store.rglob("*")) if path.is_file() and not path.is_symlink())
    return {str(path.relative_to(store)): path.read_bytes() for path in files if ".jetson-deploy" not in path.parts}
