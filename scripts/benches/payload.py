"""Models and images of random bytes: nothing on the way can compress them or have them already."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import tarfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from jetson_deploy.rehearsal.image import CONFIG_TYPE, LAYER_TYPE, MANIFEST_TYPE
from jetson_deploy.rehearsal.push import Bundle, Label

MIB = 1 << 20
MODEL = "proving-ground"
IMAGE = "bench/image"
TAG = "1"
_OLLAMA = "application/vnd.ollama.image."


class Payload(NamedTuple):
    """What was made, and may now be pushed from `bundle`."""

    bundle: Path
    manifest_digest: str
    """64 hex digits."""
    blobs: dict[str, int]
    """Bytes by 64 hex digits."""

    @property
    def size(self) -> int:
        return sum(self.blobs.values())


def scaled(sizes: Sequence[int], factor: float) -> list[int]:
    """Bytes, from MiB."""
    return [int(size * factor * MIB) for size in sizes]


def random_blob(directory: Path, size: int) -> tuple[str, int]:
    """A new file in it, named by its hash. Returns digest (`sha256:…`) and size in bytes."""
    unnamed, digest = directory / "unnamed", hashlib.sha256()
    with unnamed.open("wb") as file:
        for at in range(0, size, MIB):
            piece = os.urandom(min(MIB, size - at))
            digest.update(piece)
            file.write(piece)
    unnamed.rename(directory / digest.hexdigest())
    return f"sha256:{digest.hexdigest()}", size


def make_model(directory: Path, sizes: Sequence[int]) -> Payload:
    """One layer per size (bytes), and the small ones that a model has."""
    parts = Bundle(directory)
    layers = [_entry(_OLLAMA + "model", *random_blob(directory, size)) for size in sizes]
    small = {"template": b"{{ .Prompt }}", "license": os.urandom(1500), "params": b'{"num_thread":1}'}
    layers += [_entry(_OLLAMA + kind, *parts.add(content)) for kind, content in small.items()]
    config = {"model_format": "gguf", "model_family": "llama", "model_families": ["llama"], "model_type": "1B"}
    return _finished(parts, f"library/{MODEL}", config, layers)


def make_image(directory: Path, sizes: Sequence[int]) -> Payload:
    """One gzip layer per size (bytes), each with one random file."""
    parts = Bundle(directory)
    layers, plain_digests = [], []
    for number, size in enumerate(sizes):
        plain = _tar_of(f"random-{number}", os.urandom(size))
        plain_digests.append(f"sha256:{hashlib.sha256(plain).hexdigest()}")
        layers.append(_entry(LAYER_TYPE, *parts.add(gzip.compress(plain, compresslevel=1, mtime=0))))
    rootfs = {"type": "layers", "diff_ids": plain_digests}
    config = {"architecture": _machine(), "os": "linux", "config": {"Cmd": ["/none"]}, "rootfs": rootfs}
    return _finished(parts, IMAGE, config, layers)


def _machine() -> str:
    return {"x86_64": "amd64", "aarch64": "arm64"}.get(os.uname().machine, os.uname().machine)


def _tar_of(name: str, content: bytes) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        entry = tarfile.TarInfo(name)
        entry.size = len(content)
        tar.addfile(entry, io.BytesIO(content))
    return out.getvalue()


def _entry(kind: str, digest: str, size: int) -> dict[str, Any]:
    return {"mediaType": kind, "digest": digest, "size": size}


def _finished(parts: Bundle, repository: str, config: dict[str, Any], layers: list[dict[str, Any]]) -> Payload:
    described = _entry(CONFIG_TYPE, *parts.add(msgspec.json.encode(config)))
    manifest = {"schemaVersion": 2, "mediaType": MANIFEST_TYPE, "config": described, "layers": layers}
    label = Label(repository=repository, tag=TAG, media_type=MANIFEST_TYPE)
    digest = parts.finish(label, msgspec.json.encode(manifest))
    return Payload(parts.directory, digest, {e["digest"][7:]: e["size"] for e in (described, *layers)})


def put_into_store(payload: Payload, store: Path) -> None:
    """As a finished fetch leaves it. The bundle's files are moved."""
    (store / "blobs").mkdir(parents=True)
    for digest in payload.blobs:
        (payload.bundle / digest).rename(store / "blobs" / f"sha256-{digest}")
    manifest = store / "manifests/registry.ollama.ai/library" / MODEL / TAG
    manifest.parent.mkdir(parents=True)
    (payload.bundle / "manifest.json").rename(manifest)
