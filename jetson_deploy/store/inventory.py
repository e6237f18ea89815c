"""List the models of a store from its files. Reads only; hashes nothing but the manifests."""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path

import msgspec

from jetson_deploy.errors import JetsonDeployError
from jetson_deploy.facts import ModelFacts
from jetson_deploy.names import ModelName, parse_model_name
from jetson_deploy.store.identity import VerifiedBlobs
from jetson_deploy.store.layout import StorePaths, size_on_disk
from jetson_deploy.store.manifest import MANIFEST_BYTES, Manifest, manifest_digest, parse_manifest
from jetson_deploy.store.model_facts import model_facts

_BLOB_NAME = re.compile(r"sha256-[0-9a-f]{64}")
_SHOWN = 200
_KINDS = {
    stat.S_IFDIR: "a directory",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFLNK: "a symlink",
}


class FoundManifest(msgspec.Struct, frozen=True, kw_only=True):
    """What lies at a manifest's depth below `manifests/`, or a directory above it that cannot be listed.

    Or below a pinned tree, where it is looked at as well.
    """

    path: str
    """Below `manifests/`, a pinned one's below the store; what cannot be printed is escaped."""
    name: ModelName | None
    """None: the path spells no model's name."""
    raw: bytes = b""
    manifest: Manifest | None = None
    problem: str | None = None
    """Why it cannot be used; None: `manifest` is there."""
    pinned: str | None = None
    """The digest under which it is pinned; None: it lies under its tag."""

    @property
    def label(self) -> str:
        """The model's name, else the path."""
        if self.name is None:
            return self.path
        return f"{self.name.short} (pinned {self.pinned[:12]})" if self.pinned else self.name.short

    @property
    def below_store(self) -> str:
        return self.path if self.pinned else f"manifests/{self.path}"


class BlobFile(msgspec.Struct, frozen=True, kw_only=True):
    """An entry of `blobs/`."""

    name: str
    status: os.stat_result
    """Of the entry itself: a symlink is not followed."""

    @property
    def is_blob(self) -> bool:
        """A regular file under a blob's name. All others are foreign."""
        return bool(_BLOB_NAME.fullmatch(self.name)) and stat.S_ISREG(self.status.st_mode)


def read_models(store: Path) -> tuple[ModelFacts, ...]:
    """Every model whose manifest can be read, by name; a store that does not exist holds none.

    `complete` says that every blob is there and is the file that was hashed and found right. A blob that was
    put there or changed by another program is not missing, but has yet to be hashed.
    """
    paths = StorePaths(store)
    verified = VerifiedBlobs(paths)
    found = [_facts(paths, known, verified) for known in find_manifests(paths)]
    return tuple(sorted((model for model in found if model is not None), key=lambda m: m.name))


def find_manifests(paths: StorePaths) -> tuple[FoundManifest, ...]:
    """Everything at a manifest's depth, whether it can be used or not. Files at another depth belong to no model."""
    return tuple(_found(paths, parts, problem) for parts, problem in walk(paths.manifests, 4))


def manifest_names(paths: StorePaths) -> list[ModelName]:
    """Names of all files at a manifest's depth that are spelled as model names."""
    return [name for parts, _ in walk(paths.manifests, 4) if (name := name_of(parts)) is not None]


def blob_files(paths: StorePaths) -> tuple[BlobFile, ...]:
    """What lies in `blobs/`, by name; nothing when there is no such directory. Raises OSError."""
    found = []
    try:
        with os.scandir(paths.blobs) as entries:
            for entry in entries:
                # A running pull may rename or remove its files at any moment.
                try:
                    found.append(BlobFile(name=entry.name, status=entry.stat(follow_symlinks=False)))
                except FileNotFoundError:
                    continue
    except (FileNotFoundError, NotADirectoryError):
        return ()
    return tuple(sorted(found, key=lambda file: file.name))


def read_manifest(paths: StorePaths, name: ModelName) -> bytes | None:
    """The bytes of a manifest in the store; None when there is none, or it is no readable file of sane size."""
    content = read_small(paths.manifest(name), MANIFEST_BYTES)
    return content if isinstance(content, bytes) and content else None


def read_small(path: Path, most: int) -> bytes | str:
    """The content of a regular file of `most` bytes at most; else in words what it is instead. Never blocks."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return "a symlink to nowhere" if path.is_symlink() else "absent"
    except OSError as error:
        # ENXIO: no process listens at a socket, or there is no such device.
        return what_it_is(path) or error.strerror or "unreadable"
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            return _KINDS.get(stat.S_IFMT(status.st_mode), "no regular file")
        if status.st_size > most:
            return f"{status.st_size} bytes, more than {most} that it may have"
        return os.read(descriptor, most)
    except OSError as error:
        return f"unreadable: {error.strerror}"
    finally:
        os.close(descriptor)


def what_it_is(path: Path) -> str | None:
    """In words what stands there instead of a regular file; None: a regular file, or nothing at all."""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return "a symlink to nowhere" if path.is_symlink() else "absent"
    except OSError as error:
        return "a symlink to itself" if error.errno == errno.ELOOP else None
    return None if stat.S_ISREG(mode) else _KINDS.get(stat.S_IFMT(mode), "no regular file")


def printable(text: str) -> str:
    """A name from a disk: with its control characters and what is not UTF-8 escaped, shortened."""
    escaped = ascii(text)[1:-1]
    return escaped if len(escaped) <= _SHOWN else escaped[:_SHOWN] + "…"


def walk(directory: Path, depth: int) -> Iterator[tuple[tuple[str, ...], str | None]]:
    """Path parts of everything at `depth`, and of the directories above that cannot be listed, with the reason."""
    try:
        entries = sorted(entry.name for entry in os.scandir(directory))
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as error:
        yield (), f"cannot be listed: {error.strerror}"
        return
    for entry in entries:
        if depth == 1:
            yield (entry,), None
        else:
            yield from (((entry, *rest), problem) for rest, problem in walk(directory / entry, depth - 1))


def name_of(parts: tuple[str, ...]) -> ModelName | None:
    if len(parts) != 4:
        return None
    host, namespace, model, tag = parts
    try:
        name = parse_model_name(f"{host}/{namespace}/{model}:{tag}")
    except JetsonDeployError:
        return None
    return name if name.manifest_path == parts else None


def _found(paths: StorePaths, parts: tuple[str, ...], problem: str | None) -> FoundManifest:
    path, name = printable("/".join(parts)) or ".", name_of(parts)
    what = name.short if name else path
    raw = problem or read_small(paths.manifests.joinpath(*parts), MANIFEST_BYTES)
    if isinstance(raw, str):
        return FoundManifest(path=path, name=name, problem=raw)
    try:
        manifest = parse_manifest(raw, what)
    except JetsonDeployError as error:
        problem = error.message.removeprefix(f"the manifest of {what} cannot be used: ")
        return FoundManifest(path=path, name=name, raw=raw, problem=problem)
    return FoundManifest(path=path, name=name, raw=raw, manifest=manifest)


def _facts(paths: StorePaths, found: FoundManifest, verified: VerifiedBlobs) -> ModelFacts | None:
    if found.name is None or found.manifest is None:
        return None
    return model_facts(
        found.name.short,
        manifest_digest(found.raw),
        found.manifest,
        complete=all(verified.holds(blob) for blob in found.manifest.blobs),
        missing_bytes=missing_bytes(paths, found.manifest),
    )


def missing_bytes(paths: StorePaths, manifest: Manifest) -> int:
    """Size of the blobs that are absent or have another size."""
    return sum(blob.size for blob in manifest.blobs if size_on_disk(paths.blob(blob)) != blob.size)
