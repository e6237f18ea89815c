"""A bundle as `model export` and other tools write it, opened: checked as a whole before anything is taken in.

Refused: what is no OCI image layout of one model in a plain tar. Passed over: directories, and the files that
`docker save` adds for older programs.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import msgspec

from jetson_deploy.errors import IntegrityError, JetsonDeployError, UsageError
from jetson_deploy.names import ModelName, parse_model_name, shown
from jetson_deploy.store.bundle.file_source import Extent, FileSource, not_readable
from jetson_deploy.store.bundle.layout import BLOB_NAME, INDEX_FILE, LAYOUT_FILE, Entry, Index, Layout
from jetson_deploy.store.bundle.mistaken import refuse_mistaken
from jetson_deploy.store.bundle.tar_members import Member, Refused, read_members
from jetson_deploy.store.manifest import MANIFEST_BYTES, Manifest, manifest_digest, parse_manifest

T = TypeVar("T")

INDEX_BYTES = 4 << 20
_OF_DOCKER_SAVE = ("manifest.json", "repositories")
_COMPRESSED = {
    b"\x1f\x8b": "gunzip -k",
    b"\x28\xb5\x2f\xfd": "unzstd",
    b"\xfd7zXZ\0": "unxz -k",
    b"BZh": "bunzip2 -k",
}


class Bundle(msgspec.Struct, frozen=True, kw_only=True):
    """One model in an open bundle. `source` gives its blobs until the bundle is closed."""

    name: ModelName
    raw: bytes
    """The manifest."""
    source: FileSource


@contextlib.contextmanager
def opened(path: Path) -> Iterator[int]:
    """A descriptor of a regular file that can be read at any place. Raises PreflightError, UsageError."""
    try:
        # O_NONBLOCK: a FIFO of that name must not hang the tool
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise not_readable(path, error) from error
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise _not_regular(path)
        yield descriptor
    finally:
        os.close(descriptor)


def _not_regular(path: Path) -> UsageError:
    if path.is_dir():
        hint = "name the file in it: a GGUF, or a tar of jetson-deploy model export"
        return UsageError(f"{path} is a directory, no file", hint=hint, code="file-not-regular")
    return UsageError(
        f"{path} is no regular file, and a model is not read in one go",
        hint=f"jetson-deploy model import - < {path} reads a pipe from standard input; or save it to a file first",
        code="file-not-regular",
    )


def refuse_other_files(path: Path, descriptor: int) -> None:
    """What is clearly no bundle, named as what it is. Raises IntegrityError `bundle-refused`, PreflightError."""
    try:
        _refuse_compressed(os.pread(descriptor, 8, 0))
        refuse_mistaken(path, descriptor)
    except Refused as refused:
        raise _refused(path, refused) from None
    except OSError as error:
        raise not_readable(path, error) from error


def read_bundle(path: Path, descriptor: int, wanted: ModelName | None) -> Bundle:
    """`wanted`: the model's name here, which also picks one of several; None: the name that the bundle gives.

    Raises IntegrityError (bundle-refused, manifest-damaged, not-a-model), UsageError (bundle-without-name),
    PreflightError.
    """
    try:
        files = _Files(descriptor)
        entry = _entry(files.index(), wanted)
        raw = files.manifest(entry)
        extents = files.extents(_parsed(raw, path))
    except Refused as refused:
        raise _refused(path, refused) from None
    except OSError as error:
        raise not_readable(path, error) from error
    name = wanted or _own_name(path, entry)
    return Bundle(name=name, raw=raw, source=FileSource(path, descriptor, extents))


def _parsed(raw: bytes, path: Path) -> Manifest:
    try:
        return parse_manifest(raw, str(path))
    except IntegrityError as error:
        raise error.with_context(hint=_WHAT_CAN_BE) from error


_WHAT_CAN_BE = (
    "files of `jetson-deploy model export` can be imported, and other OCI image layouts of a model in a plain tar"
)


def _refused(path: Path, refused: Refused) -> IntegrityError:
    return IntegrityError(f"{path} is refused: {refused}", hint=refused.hint or _WHAT_CAN_BE, code="bundle-refused")


class _Files:
    """The files of a tar, all of them with names that a bundle has."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._members: dict[str, Member] = {}
        for member in read_members(descriptor, os.fstat(descriptor).st_size):
            name = _checked(member)
            if name in self._members:
                raise Refused(f"it holds {name} twice")
            if not member.is_directory:
                self._members[name] = member
        layout = self._document(LAYOUT_FILE, Layout)
        if not layout.imageLayoutVersion.startswith("1."):
            raise Refused(f"its layout has the version {shown(layout.imageLayoutVersion)}, not 1")

    def index(self) -> Index:
        return self._document(INDEX_FILE, Index)

    def manifest(self, entry: Entry) -> bytes:
        extent = self._extent(entry.digest, entry.size)
        raw = self._content(extent, MANIFEST_BYTES, "the manifest")
        if "sha256:" + manifest_digest(raw) != entry.digest:
            raise Refused(f"its manifest has sha256:{manifest_digest(raw)}, not {entry.digest}")
        return raw

    def extents(self, manifest: Manifest) -> dict[str, Extent]:
        return {blob.digest: self._extent(blob.digest, blob.size) for blob in manifest.blobs}

    def _extent(self, digest: str, size: int) -> Extent:
        member = self._members.get("blobs/" + digest.replace(":", "/"))
        if member is None:
            raise Refused(f"it lacks the blob {digest}")
        if member.size != size:
            raise Refused(f"its blob {digest} has {member.size} bytes, not {size}")
        return Extent(member.start, member.size)

    def _document(self, name: str, wanted: type[T]) -> T:
        member = self._members.get(name)
        if member is None:
            raise Refused(f"it holds no {name}")
        raw = self._content(Extent(member.start, member.size), INDEX_BYTES, name)
        try:
            return msgspec.json.decode(raw, type=wanted)
        # ValueError covers broken UTF-8; RecursionError comes from deep nesting in keys that are not ours.
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            raise Refused(f"its {name} cannot be read: {error}") from None

    def _content(self, extent: Extent, most: int, what: str) -> bytes:
        if extent.size > most:
            raise Refused(f"{what} has {extent.size} bytes, more than {most >> 20} MiB")
        return os.pread(self._descriptor, extent.size, extent.start)


def _refuse_compressed(start: bytes) -> None:
    for magic, command in _COMPRESSED.items():
        if start.startswith(magic):
            raise Refused("it is compressed", f"unpack it first ({command} FILE): weights hardly shrink")


def _checked(member: Member) -> str:
    """The member's name without `./`. Raises Refused for one that no bundle has."""
    parts = [part for part in member.name.split("/") if part not in ("", ".")]
    if member.name.startswith("/") or ".." in parts:
        raise Refused(f"a member's name leads out of it: {shown(member.name)}")
    name = "/".join(parts)
    if not (member.is_directory or name in (LAYOUT_FILE, INDEX_FILE, *_OF_DOCKER_SAVE) or BLOB_NAME.fullmatch(name)):
        raise Refused(f"it holds {shown(member.name)}, which belongs to no bundle")
    return name


def _entry(index: Index, wanted: ModelName | None) -> Entry:
    entries = index.manifests
    if len(entries) == 1:
        return entries[0]
    named = {entry.ref_name or "" for entry in entries} - {""}
    if not entries:
        raise Refused("its index.json lists no manifest")
    # Some tools write the tag alone.
    found = [e for e in entries if wanted is not None and (_name_of(e) == wanted or e.ref_name == wanted.tag)]
    if len(found) != 1:
        listed = ", ".join(shown(name) for name in sorted(named)[:5]) or "none with a name"
        raise Refused(f"it holds {len(entries)} manifests ({listed})", "name the one that you want with --as NAME")
    return found[0]


def _name_of(entry: Entry) -> ModelName | None:
    """None for a tag alone, which is what some tools write (`7b`): it does not name the model."""
    try:
        return parse_model_name(entry.ref_name or "") if ":" in (entry.ref_name or "") else None
    except JetsonDeployError:
        return None


def _own_name(path: Path, entry: Entry) -> ModelName:
    name = _name_of(entry)
    if name is None:
        said = "nothing" if entry.ref_name is None else shown(entry.ref_name)
        raise UsageError(
            f"{path} does not name its model: its index.json says {said}",
            hint="name it: --as deepseek-r1:7b",
            code="bundle-without-name",
        )
    return name
