"""One model as a file: a plain tar that holds an OCI image layout, so that other tools read it too.

    oci-layout                      {"imageLayoutVersion": "1.0.0"}
    index.json                      one descriptor: the manifest, and the model's name as an annotation
    blobs/sha256/<64 hex>           the manifest, byte for byte as in the store; config and layers

(github.com/opencontainers/image-spec, image-layout.md; annotations.md for the name's key.)
"""

from __future__ import annotations

import re
from typing import Annotated

import msgspec
from msgspec import Meta

from jetson_deploy.names import ModelName
from jetson_deploy.store.manifest import Blob, Manifest, manifest_digest

BLOCK_BYTES = 512
RECORD_BYTES = 20 * BLOCK_BYTES
"""A tar is a multiple of it (POSIX pax, -b)."""
LAYOUT_FILE, INDEX_FILE = "oci-layout", "index.json"
BLOB_NAME = re.compile(r"blobs/sha256/([0-9a-f]{64})")
REF_NAME = "org.opencontainers.image.ref.name"
_INDEX_MEDIA = "application/vnd.oci.image.index.v1+json"


class Layout(msgspec.Struct, frozen=True):
    imageLayoutVersion: str = "1.0.0"  # noqa: N815 - the format's spelling


class Entry(Blob, frozen=True):
    """One manifest that an index lists."""

    annotations: dict[str, str] = {}  # noqa: RUF012 - msgspec copies it

    @property
    def ref_name(self) -> str | None:
        return self.annotations.get(REF_NAME)


class Index(msgspec.Struct, frozen=True):
    schemaVersion: int  # noqa: N815 - the format's spelling
    manifests: Annotated[tuple[Entry, ...], Meta(max_length=10_000)]
    mediaType: str = _INDEX_MEDIA  # noqa: N815 - the format's spelling


def blob_name(digest: str) -> str:
    """Of `sha256:…`."""
    return "blobs/" + digest.replace(":", "/")


def small_members(name: ModelName, raw: bytes, manifest: Manifest) -> dict[str, bytes]:
    """Everything but config and layers, in the order in which it stands in the file."""
    digest = "sha256:" + manifest_digest(raw)
    entry = Entry(digest=digest, size=len(raw), mediaType=manifest.mediaType, annotations={REF_NAME: name.short})
    index = Index(schemaVersion=2, manifests=(entry,))
    return {
        LAYOUT_FILE: msgspec.json.encode(Layout()),
        INDEX_FILE: msgspec.json.encode(index, order="sorted"),
        blob_name(digest): raw,
    }


def padding(size: int) -> int:
    """Zeros that follow a member's data."""
    return -size % BLOCK_BYTES


def member_header(name: str, size: int) -> bytes:
    """The same for the same name and size at any time, by any user: no clock, no owner."""
    import tarfile  # for this command alone

    info = tarfile.TarInfo(name)
    info.size = size
    info.mode = 0o644
    # PAX: the format's own sizes end at 8 GiB.
    return info.tobuf(tarfile.PAX_FORMAT)


def end_of(size: int) -> bytes:
    """Two empty blocks, and the rest of the last record, after `size` bytes of members."""
    return bytes(2 * BLOCK_BYTES + -(size + 2 * BLOCK_BYTES) % RECORD_BYTES)
