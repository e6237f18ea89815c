"""The part of a store that is served: manifests that can be read, and the blobs that they name. Reads only."""

from __future__ import annotations

import errno
import io
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path

import msgspec

from jetson_deploy.errors import JetsonDeployError, PreflightError
from jetson_deploy.names import OLLAMA_REGISTRY, ModelName, parse_model_name
from jetson_deploy.store.inventory import find_manifests, missing_bytes, read_manifest
from jetson_deploy.store.layout import StorePaths
from jetson_deploy.store.maintenance.presence import check_is_store
from jetson_deploy.store.manifest import Blob, Manifest, manifest_digest, parse_manifest

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_NOT_THERE = (errno.ENOENT, errno.ENOTDIR, errno.EACCES, errno.ELOOP, errno.ENAMETOOLONG, errno.ENXIO)
"""Not to be had, now and later. Any other error may pass, and is no reason to say that there is no such thing."""


class BlobChanged(Exception):  # noqa: N818 - of the owner's doing
    """The file became shorter while it was read: what was promised cannot be sent any more."""


class ServedManifest(msgspec.Struct, frozen=True, kw_only=True):
    raw: bytes
    manifest: Manifest

    @property
    def digest(self) -> str:
        return f"sha256:{manifest_digest(self.raw)}"


class ServedBlob(msgspec.Struct, frozen=True, kw_only=True):
    """An open blob; whoever gets it closes `file`. Replaced under its name, it keeps its bytes."""

    digest: str
    size: int
    file: io.FileIO


def store_to_serve(root: Path) -> StorePaths:
    """Raises PreflightError: store-not-there, store-not-readable."""
    paths = StorePaths(root)
    check_is_store(paths)
    try:
        for directory in (paths.manifests, paths.blobs):
            os.listdir(directory)  # noqa: PTH208 - only whether it can be read
    except OSError as error:
        if error.errno != errno.ENOENT:
            raise PreflightError(
                f"the store {root} cannot be read ({error.filename}: {error.strerror})",
                hint="run with sudo, or as the user who owns it",
                code="store-not-readable",
            ) from error
    return paths


def served_models(paths: StorePaths) -> tuple[list[str], list[str]]:
    """Names of the models that are whole by size, and of those of which something is missing."""
    whole: list[str] = []
    parts: list[str] = []
    for found in find_manifests(paths):
        if found.name and found.manifest:
            (parts if missing_bytes(paths, found.manifest) else whole).append(found.name.short)
    return whole, parts


class ServedStore:
    """One store, read anew at every request. Names come from the network: each is checked before it is a path.

    Raises OSError when the disk or this machine is in trouble.
    """

    def __init__(self, paths: StorePaths) -> None:
        self._paths = paths

    def manifest(self, namespace: str, model: str, reference: str) -> ServedManifest | None:
        """By tag or by digest. A tag that only other registries' names have is found when one of them has it."""
        if _DIGEST.fullmatch(reference):
            return next((m for m in self._manifests(namespace, model) if m.digest == reference), None)
        name = self._named(namespace, model).get(reference)
        return self._read(name) if name else None

    def tags(self, namespace: str, model: str) -> list[str]:
        return sorted(self._named(namespace, model))

    def open_blob(self, namespace: str, model: str, digest: str) -> ServedBlob | None:
        """None unless a manifest of this model names it, and it is there with the size that is named."""
        if not _DIGEST.fullmatch(digest):
            return None
        for served in self._manifests(namespace, model):
            for blob in served.manifest.blobs:
                if blob.digest == digest and (file := _opened(self._paths.blob(blob), blob)):
                    return ServedBlob(digest=digest, size=blob.size, file=file)
        return None

    def _named(self, namespace: str, model: str) -> dict[str, ModelName]:
        """Tag → the name it stands for: Ollama's own registry first, else the only other one that has the tag."""
        found: dict[str, list[ModelName]] = {}
        for name in self._names(namespace, model):
            found.setdefault(name.tag, []).append(name)
        own = {tag: [name for name in names if name.registry is None] or names for tag, names in found.items()}
        return {tag: names[0] for tag, names in own.items() if len(names) == 1}

    def _manifests(self, namespace: str, model: str) -> Iterator[ServedManifest]:
        return (served for name in self._names(namespace, model) if (served := self._read(name)))

    def _names(self, namespace: str, model: str) -> Iterator[ModelName]:
        if _name(OLLAMA_REGISTRY, namespace, model, "latest") is None:
            return
        for host in _entries(self._paths.manifests):
            for tag in _entries(self._paths.manifests / host / namespace / model):
                if name := _name(host, namespace, model, tag):
                    yield name

    def _read(self, name: ModelName) -> ServedManifest | None:
        raw = read_manifest(self._paths, name)
        try:
            return None if raw is None else ServedManifest(raw=raw, manifest=parse_manifest(raw, name.short))
        except JetsonDeployError:
            return None


def _entries(directory: Path) -> list[str]:
    try:
        return sorted(os.listdir(directory))  # noqa: PTH208 - names, not paths
    except OSError as error:
        if error.errno not in _NOT_THERE:
            raise
        return []


def _name(*parts: str) -> ModelName | None:
    """Only where each part is what it seems to be: `a/b` or `..` as a model would be another path."""
    host, namespace, model, tag = parts
    try:
        name = parse_model_name(f"{host}/{namespace}/{model}:{tag}")
    except JetsonDeployError:
        return None
    return name if name.manifest_path == parts else None


def _opened(path: Path, blob: Blob) -> io.FileIO | None:
    """None: not there, not readable, no file, or of another size. Raises OSError.

    A link counts when it leads to a file of the same name: whoever may write the store must not make us, maybe
    root, show what they cannot read themselves. O_NONBLOCK: a FIFO must not block.
    """
    try:
        real = path.resolve()
        if real.name != blob.file_name:
            return None
        file = io.FileIO(os.open(real, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC))
    except RuntimeError:  # links in a circle, before Python 3.13
        return None
    except OSError as error:
        if error.errno not in _NOT_THERE:
            raise
        return None
    status = os.fstat(file.fileno())
    if stat.S_ISREG(status.st_mode) and status.st_size == blob.size:
        return file
    file.close()
    return None
