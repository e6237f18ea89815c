"""Stores with a model of a real one's measures: the header of its file as the real one has it, the weights a hole."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

from gguf_files import GgufFile
from registry_server import MANIFEST_TYPE, blob_file, digest_of

from jetson_deploy.names import parse_model_name
from jetson_deploy.store.layout import StorePaths

_HASHED_BYTES = 1 << 20
LAYER = "application/vnd.ollama.image."


def header_of(measures: dict[str, Any]) -> bytes:
    """Every key that a plan reads, and a vocabulary as long as the real one's."""
    name = measures["architecture"]
    values: dict[str, tuple[str, object]] = {
        "general.architecture": ("text", name),
        "general.type": ("text", "model"),
        "general.file_type": ("u32", 15),
        **{f"{name}.{key}": ("u32", value) for key, value in measures["numbers"].items()},
        "tokenizer.ggml.tokens": ("text[]", [b"token"] * measures["vocabulary"]),
        "tokenizer.ggml.merges": ("text[]", [b"to ken"] * measures["vocabulary"]),
    }
    if "chat_template" in measures:
        values["tokenizer.chat_template"] = ("text", measures["chat_template"])
    return GgufFile(values, [("token_embd.weight", (256, 2), 12, 0)]).content()


def put_sized(store: Path, name: str, measures: dict[str, Any], extra: dict[str, int] | None = None) -> str:
    """The model under `name`, all of it there and none of it hashed; the digest of its manifest.

    `extra`: kind and bytes of further layers.
    """
    (store / "blobs").mkdir(parents=True, exist_ok=True)
    layers = [_hole(store, "model", measures["bytes"], header_of(measures))]
    layers += [_hole(store, kind, size, struct.pack("<Q", size)) for kind, size in (extra or {}).items()]
    config = json.dumps({"model_format": "gguf", "model_family": measures["architecture"]}).encode()
    if not blob_file(store, digest_of(config)).exists():  # another model's by now, and hashed
        blob_file(store, digest_of(config)).write_bytes(config)
    entry = {"mediaType": "application/vnd.docker.container.image.v1+json", "digest": digest_of(config)}
    manifest = {"schemaVersion": 2, "mediaType": MANIFEST_TYPE, "config": entry | {"size": len(config)}}
    raw = json.dumps(manifest | {"layers": layers}).encode()
    path = StorePaths(store).manifest(parse_model_name(name))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(raw)
    return digest_of(raw).removeprefix("sha256:")


def _hole(store: Path, kind: str, size: int, start: bytes) -> dict[str, Any]:
    """A large one is named by its beginning: gigabytes of zeros are not hashed in a test."""
    whole = start.ljust(size, b"\0") if size <= _HASHED_BYTES else start + kind.encode()
    digest = digest_of(whole)
    with blob_file(store, digest).open("wb") as file:
        file.write(start)
        file.truncate(size)
    return {"mediaType": LAYER + kind, "digest": digest, "size": size}
