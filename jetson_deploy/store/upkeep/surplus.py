"""What a store holds beside its models: manifests kept for a revision, and downloads that never ended."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

import msgspec

from jetson_deploy.errors import JetsonDeployError
from jetson_deploy.store.inventory import printable, read_small
from jetson_deploy.store.layout import StorePaths
from jetson_deploy.store.manifest import MANIFEST_BYTES, Manifest, manifest_digest, parse_manifest

_HEX = re.compile(r"[0-9a-f]{64}")
_PART = re.compile(r"([0-9a-f]{64})\.(?:data|journal|journal-new)")


class KeptManifest(msgspec.Struct, frozen=True, kw_only=True):
    """A manifest that was replaced under its name; a revision of a deployment may go back to it."""

    digest: str
    """64 hex digits: its name."""
    path: Path
    manifest: Manifest | None = None
    problem: str | None = None
    """Why it cannot be used; None: `manifest` is there."""


class Unfinished(msgspec.Struct, frozen=True, kw_only=True):
    """A download that was cut: a fetch of its model goes on with it."""

    digest: str
    """64 hex digits of the blob."""
    paths: tuple[Path, ...]
    """The journal first: it must never promise bytes that are gone."""
    disk_bytes: int
    written_at: float
    """Seconds since 1970, of the last write to any of its files."""


def kept_manifests(paths: StorePaths) -> tuple[KeptManifest, ...]:
    """Raises OSError when the directory cannot be listed."""
    return tuple(_kept(paths.kept / name) for name in _names(paths.kept) if _HEX.fullmatch(name))


def unfinished_downloads(paths: StorePaths) -> tuple[Unfinished, ...]:
    """Raises OSError when the directory cannot be listed."""
    found: dict[str, list[Path]] = {}
    for name in _names(paths.partial):
        if match := _PART.fullmatch(name):
            found.setdefault(match[1], []).append(paths.partial / name)
    downloads = [_unfinished(digest, files) for digest, files in found.items()]
    return tuple(download for download in downloads if download is not None)


def _names(directory: Path) -> list[str]:
    try:
        with os.scandir(directory) as entries:
            return sorted(entry.name for entry in entries)
    except FileNotFoundError:
        return []


def _kept(path: Path) -> KeptManifest:
    raw = read_small(path, MANIFEST_BYTES)
    if isinstance(raw, str):
        return KeptManifest(digest=path.name, path=path, problem=raw)
    if manifest_digest(raw) != path.name:
        problem = f"its bytes have sha256:{manifest_digest(raw)}"
        return KeptManifest(digest=path.name, path=path, problem=problem)
    try:
        return KeptManifest(digest=path.name, path=path, manifest=parse_manifest(raw, printable(path.name)))
    except JetsonDeployError as error:
        return KeptManifest(digest=path.name, path=path, problem=error.message)


def _unfinished(digest: str, files: list[Path]) -> Unfinished | None:
    """None: it was finished or removed meanwhile, or somebody put something else there."""
    try:
        states = [path.lstat() for path in files]
    except FileNotFoundError:
        return None
    if not all(stat.S_ISREG(state.st_mode) for state in states):
        return None
    return Unfinished(
        digest=digest,
        paths=tuple(sorted(files, key=lambda path: (path.suffix == ".data", path.name))),
        disk_bytes=sum(state.st_blocks * 512 for state in states),
        written_at=max(state.st_mtime for state in states),
    )
