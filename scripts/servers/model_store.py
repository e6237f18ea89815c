"""A store in Ollama's layout with one model, its weights linked from the cache."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Any

from servers.models import MODELS, gguf

_MEDIA = "application/vnd.ollama.image."


def write_store(store: Path, model: str, template: str | None = None) -> None:
    """As `model:latest`. `template`: another one than its own."""
    (store / "blobs").mkdir(parents=True)
    what = MODELS[model]
    layers = [
        _weights(store, gguf(model)),
        _blob(store, _MEDIA + "template", (what.template if template is None else template).encode()),
        _blob(store, _MEDIA + "params", json.dumps({"num_thread": 1, "seed": 1, "stop": what.stop}).encode()),
    ]
    config = {
        "model_format": "gguf",
        "model_family": what.family,
        "model_families": [what.family],
        "model_type": what.parameters,
        "file_type": what.quantization,
        "architecture": "amd64",
        "os": "linux",
        "rootfs": {"type": "layers", "diff_ids": [layer["digest"] for layer in layers]},
    }
    manifest = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
        "config": _blob(store, "application/vnd.docker.container.image.v1+json", json.dumps(config).encode()),
        "layers": layers,
    }
    path = store / "manifests/registry.ollama.ai/library" / model / "latest"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(manifest))


def _blob(store: Path, kind: str, data: bytes) -> dict[str, Any]:
    digest = hashlib.sha256(data).hexdigest()
    (store / "blobs" / f"sha256-{digest}").write_bytes(data)
    return {"mediaType": kind, "digest": f"sha256:{digest}", "size": len(data)}


def _weights(store: Path, source: Path) -> dict[str, Any]:
    with source.open("rb") as file:
        digest = hashlib.sha256(file.read()).hexdigest()
    target = store / "blobs" / f"sha256-{digest}"
    try:
        os.link(source, target)
    except OSError:  # the store is on another filesystem than the cache
        shutil.copyfile(source, target)
    return {"mediaType": _MEDIA + "model", "digest": f"sha256:{digest}", "size": source.stat().st_size}
