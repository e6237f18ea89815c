"""Models on a disk, as Ollama lays them out."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path


def put_model(store: Path, name: str, *, weights: bytes = b"w" * 4000, tree: str = "manifests") -> str:
    """A model in Ollama's layout; its digest."""
    blobs = {f"sha256:{hashlib.sha256(content).hexdigest()}": content for content in (b"{}", weights)}
    for digest, content in blobs.items():
        place = store / "blobs" / digest.replace(":", "-")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
    config, layer = ({"mediaType": "", "digest": d, "size": len(c)} for d, c in blobs.items())
    layer["mediaType"] = "application/vnd.ollama.image.model"
    manifest = {"schemaVersion": 2, "config": config, "layers": [layer]}
    raw = json.dumps(manifest, indent=1).encode()
    digest = hashlib.sha256(raw).hexdigest()
    place = store / tree.format(digest=digest) / "registry.ollama.ai/library" / name.replace(":", "/")
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(raw)
    return str(layer["digest"])
