"""Blobs that were hashed and found right, so that gigabytes are read once and not at every run.

A blob counts as verified while size, modification time and inode are those of the moment it was hashed
(`.jetson-deploy/verified.json`). A record that cannot be read is no record: the blob is hashed again.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from pathlib import Path

import msgspec

from jetson_deploy.store.layout import StorePaths, set_mode_and_owner
from jetson_deploy.store.manifest import Blob

_RECORD_BYTES = 16 << 20


class Identity(msgspec.Struct, frozen=True):
    size: int
    mtime_ns: int
    inode: int


class _Record(msgspec.Struct, frozen=True):
    version: int
    blobs: dict[str, Identity]


class VerifiedBlobs:
    """The record of one store; the caller holds the store's lock."""

    def __init__(self, paths: StorePaths) -> None:
        self._paths = paths
        self._blobs = _read(paths.verified)

    def holds(self, blob: Blob) -> bool:
        """True when the file that lies there now is the one that was hashed."""
        recorded = self._blobs.get(blob.file_name)
        return recorded is not None and recorded == identity_of(self._paths.blob(blob))

    @property
    def known(self) -> Mapping[str, Identity]:
        """File name → the identity that was found right, whether it is still the file's or not."""
        return dict(self._blobs)

    def add(self, blob: Blob) -> None:
        """Record the blob's file as hashed and right. Raises OSError."""
        identity = identity_of(self._paths.blob(blob))
        if identity is not None:
            self._blobs[blob.file_name] = identity
            self._write()

    def settle(self, right: Mapping[str, Identity], wrong: Collection[str]) -> None:
        """Record what was found right, by file name, and forget what was found wrong; one write. Raises OSError.

        `right` holds the identities from before the hashing: a file that was replaced meanwhile is not recorded.
        """
        same = {name: known for name, known in right.items() if identity_of(self._paths.blobs / name) == known}
        settled = {name: known for name, known in (self._blobs | same).items() if name not in wrong}
        if settled != self._blobs:
            self._blobs = settled
            self._write()

    def _write(self) -> None:
        temporary = self._paths.temporary / f"verified-{os.getpid()}"
        kept = {name: identity for name, identity in self._blobs.items() if (self._paths.blobs / name).exists()}
        content = msgspec.json.encode(_Record(version=1, blobs=kept))
        # Not fsynced: a record lost in a power cut costs one more hashing, never a wrong blob.
        temporary.write_bytes(content)
        set_mode_and_owner(temporary, self._paths.root)
        temporary.replace(self._paths.verified)


def _read(path: Path) -> dict[str, Identity]:
    try:
        if path.stat().st_size > _RECORD_BYTES:
            return {}
        record = msgspec.json.decode(path.read_bytes(), type=_Record)
    except (OSError, msgspec.MsgspecError, ValueError, RecursionError):
        return {}
    return dict(record.blobs) if record.version == 1 else {}


def identity_of(path: Path) -> Identity | None:
    """None: there is no file."""
    try:
        return identity_in(path.stat())
    except OSError:
        return None


def identity_in(status: os.stat_result) -> Identity:
    return Identity(size=status.st_size, mtime_ns=status.st_mtime_ns, inode=status.st_ino)
