"""Which models a store holds, by what lies on the disk. Reads only; hashes nothing but the manifests."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from jetson_deploy.errors import JetsonDeployError
from jetson_deploy.facts import ModelFacts
from jetson_deploy.names import ModelName, parse_model_name
from jetson_deploy.store.identity import VerifiedBlobs
from jetson_deploy.store.layout import StorePaths, size_on_disk
from jetson_deploy.store.manifest import MANIFEST_BYTES, Manifest, manifest_digest, parse_manifest


def read_models(store: Path) -> tuple[ModelFacts, ...]:
    """Every model whose manifest can be read, by name; a store that does not exist holds none.

    `complete` says that every blob is there and is the file that was hashed and found right. A blob that was
    put there or changed by somebody else is not missing, but has yet to be hashed.
    """
    paths = StorePaths(store)
    verified = VerifiedBlobs(paths)
    found = [_facts(paths, name, verified) for name in manifest_names(paths)]
    return tuple(sorted((model for model in found if model is not None), key=lambda m: m.name))


def manifest_names(paths: StorePaths) -> list[ModelName]:
    """Names of all files at a manifest's depth that are spelled as model names."""
    return [name for parts in _walk(paths.manifests, 4) if (name := _name(parts)) is not None]


def referenced_blobs(paths: StorePaths) -> frozenset[str] | None:
    """File names of all blobs that any manifest needs; None when one cannot be read, so that nobody knows."""
    found: set[str] = set()
    for parts in _walk(paths.manifests, 4):
        name = _name(parts)
        raw = read_manifest(paths, name) if name else None
        try:
            found.update(blob.file_name for blob in parse_manifest(raw or b"", "/".join(parts)).blobs)
        except JetsonDeployError:
            return None
    return frozenset(found)


def _walk(directory: Path, depth: int) -> Iterator[tuple[str, ...]]:
    try:
        entries = sorted(entry.name for entry in os.scandir(directory))
    except OSError:
        return
    for entry in entries:
        if depth == 1:
            yield (entry,)
        else:
            yield from ((entry, *rest) for rest in _walk(directory / entry, depth - 1))


def _name(parts: tuple[str, ...]) -> ModelName | None:
    host, namespace, model, tag = parts
    try:
        name = parse_model_name(f"{host}/{namespace}/{model}:{tag}")
    except JetsonDeployError:
        return None
    return name if name.manifest_path == parts else None


def _facts(paths: StorePaths, name: ModelName, verified: VerifiedBlobs) -> ModelFacts | None:
    raw = read_manifest(paths, name)
    if raw is None:
        return None
    try:
        manifest = parse_manifest(raw, name.short)
    except JetsonDeployError:
        return None
    return ModelFacts(
        name=name.short,
        manifest_digest=manifest_digest(raw),
        complete=all(verified.holds(blob) for blob in manifest.blobs),
        missing_bytes=_missing_bytes(paths, manifest),
        size_bytes=manifest.total_bytes,
    )


def _missing_bytes(paths: StorePaths, manifest: Manifest) -> int:
    """Size of the blobs that are absent or have another size."""
    return sum(blob.size for blob in manifest.blobs if size_on_disk(paths.blob(blob)) != blob.size)


def read_manifest(paths: StorePaths, name: ModelName) -> bytes | None:
    """The bytes of a manifest in the store; None when there is none, or it is no readable file of sane size."""
    path = paths.manifest(name)
    # A FIFO must not block and a huge file must not fill the memory: only a small regular file is opened.
    if (size_on_disk(path) or MANIFEST_BYTES + 1) > MANIFEST_BYTES:
        return None
    try:
        with path.open("rb") as file:
            return file.read(MANIFEST_BYTES)
    except OSError:
        return None
