"""Manifests that are kept by their digest, apart from the tags: replaced ones, and those that deployments see."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import msgspec

from jetson_deploy.errors import JetsonDeployError
from jetson_deploy.names import ModelName
from jetson_deploy.store.inventory import name_of, printable, read_manifest, read_small, walk
from jetson_deploy.store.layout import StorePaths
from jetson_deploy.store.manifest import MANIFEST_BYTES, Manifest, manifest_digest, parse_manifest

HEX = re.compile(r"[0-9a-f]{64}")


class KeptManifest(msgspec.Struct, frozen=True, kw_only=True):
    """Right only when its bytes have the digest under which it is kept."""

    digest: str
    """64 hex digits."""
    path: Path
    name: ModelName | None = None
    """Of a pinned one: the tag that its deployment asks for."""
    raw: bytes = b""
    """Only where they have the digest."""
    manifest: Manifest | None = None
    problem: str | None = None
    """Why it cannot be used; None: `manifest` is there."""

    def below(self, paths: StorePaths) -> str:
        """Its path below the store."""
        return printable(str(self.path.relative_to(paths.root)))


def kept_manifests(paths: StorePaths) -> tuple[KeptManifest, ...]:
    """Those that were replaced under their tag. Raises OSError when the directory cannot be listed."""
    return tuple(_read(paths.kept / digest, digest) for digest in digests_in(paths.kept))


def pinned_manifests(paths: StorePaths) -> tuple[KeptManifest, ...]:
    """Those that deployments see, of all trees; a tree without any is reported as a damaged one. Raises as above."""
    return tuple(found for digest in digests_in(paths.pinned) for found in pinned_tree(paths, digest))


def pinned_tree(paths: StorePaths, digest: str) -> tuple[KeptManifest, ...]:
    """All names under which the manifest of that digest is pinned; nothing when it is not."""
    tree = paths.pinned / digest
    if not os.path.lexists(tree):
        return ()
    found = tuple(_in_tree(tree, digest))
    return found or (KeptManifest(digest=digest, path=tree, problem="there is no manifest in it"),)


def manifest_here(paths: StorePaths, name: ModelName, digest: str) -> bytes | None:
    """The bytes with that digest, wherever in the store they are: under the tag, replaced under it, or pinned."""
    for raw in _candidates(paths, name, digest):
        if raw is not None and manifest_digest(raw) == digest:
            return raw
    return None


def _candidates(paths: StorePaths, name: ModelName, digest: str) -> Iterator[bytes | None]:
    yield read_manifest(paths, name)
    kept = read_small(paths.kept / digest, MANIFEST_BYTES)
    yield kept if isinstance(kept, bytes) else None
    for found in pinned_tree(paths, digest):
        yield found.raw


def digests_in(directory: Path) -> list[str]:
    """Names of its entries that are digests. Raises OSError when it is there and cannot be listed."""
    return [name for name in names_in(directory) if HEX.fullmatch(name)]


def names_in(directory: Path) -> list[str]:
    """As `digests_in`, of all entries."""
    try:
        with os.scandir(directory) as entries:
            return sorted(entry.name for entry in entries)
    except FileNotFoundError:
        return []


def _in_tree(tree: Path, digest: str) -> Iterator[KeptManifest]:
    for parts, problem in walk(tree, 4):
        path, name = tree.joinpath(*parts), name_of(parts)
        if problem is None and name is None:
            problem = "its path spells no model's name"
        if problem is not None:
            yield KeptManifest(digest=digest, path=path, problem=problem)
        else:
            yield _read(path, digest, name)


def _read(path: Path, digest: str, name: ModelName | None = None) -> KeptManifest:
    raw = read_small(path, MANIFEST_BYTES)
    if isinstance(raw, str):
        return KeptManifest(digest=digest, path=path, name=name, problem=raw)
    if manifest_digest(raw) != digest:
        problem = f"its bytes have sha256:{manifest_digest(raw)}"
        return KeptManifest(digest=digest, path=path, name=name, problem=problem)
    try:
        manifest = parse_manifest(raw, printable(path.name))
    except JetsonDeployError as error:
        return KeptManifest(digest=digest, path=path, name=name, raw=raw, problem=error.message)
    return KeptManifest(digest=digest, path=path, name=name, raw=raw, manifest=manifest)
