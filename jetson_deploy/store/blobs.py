"""One blob on the disk: is the one that lies there right, and how a new one comes under its final name.

The promise: a file under `blobs/` that we wrote has been hashed and fsynced before it got its name.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import threading
from collections.abc import Iterator
from pathlib import Path

from jetson_deploy.store.identity import VerifiedBlobs
from jetson_deploy.store.interrupt import check_stop
from jetson_deploy.store.layout import FILE_MODE, StorePaths, disk_full, is_full, size_on_disk, sync_directory
from jetson_deploy.store.manifest import Blob
from jetson_deploy.store.meter import Meter
from jetson_deploy.store.registry import Registry
from jetson_deploy.store.trouble import WrongContent

READ_BYTES = 1 << 20


def what_is_wrong(
    paths: StorePaths, blob: Blob, verified: VerifiedBlobs, meter: Meter, stop: threading.Event
) -> str | None:
    """Why the blob's file cannot be used, in words; None: it is right. Hashed at most once while it stays the same.

    `absent` when there is no file.
    """
    size = size_on_disk(paths.blob(blob))
    if size is None:
        return "absent"
    if size != blob.size:
        return f"it has {size} bytes, not {blob.size}"
    if verified.holds(blob):
        meter.advance(blob.size)
        return None
    meter.phase("verifying")
    problem = _hash_problem(paths.blob(blob), blob, meter, stop)
    if problem is None:
        verified.add(blob)
    return problem


def _hash_problem(path: Path, blob: Blob, meter: Meter, stop: threading.Event) -> str | None:
    digest, before = hashlib.sha256(), meter.done
    try:
        for chunk in _chunks(path):
            check_stop(stop)
            digest.update(chunk)
            meter.advance(len(chunk))
    except OSError as error:
        if error.errno != errno.EIO:
            raise
        meter.advance(before - meter.done)
        return "the disk cannot read it"
    if "sha256:" + digest.hexdigest() == blob.digest:
        return None
    meter.advance(before - meter.done)
    return f"its bytes have sha256:{digest.hexdigest()}"


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb", buffering=0) as file:
        while chunk := file.read(READ_BYTES):
            yield chunk


def move_aside(paths: StorePaths, blob: Blob) -> Path:
    """Take a wrong blob away from its name. A server that has it open keeps its bytes. Raises OSError."""
    aside = paths.temporary / f"wrong-{blob.file_name}"
    paths.blob(blob).replace(aside)
    sync_directory(paths.blobs)
    return aside


def receive(registry: Registry, paths: StorePaths, blob: Blob, meter: Meter) -> None:
    """Fetch one blob, once. Raises NetworkError, PassingTrouble, WrongContent, ResourceError, OSError.

    Whatever happens, nothing unfinished stays.
    """
    temporary = paths.temporary / f"{blob.file_name}-{os.getpid()}-{threading.get_ident()}"
    before = meter.done
    try:
        _stream(registry, temporary, blob, meter)
        temporary.replace(paths.blob(blob))
        sync_directory(paths.blobs)
    except BaseException as error:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        meter.advance(before - meter.done)
        if is_full(error):
            raise disk_full(paths.root, blob.size) from error
        raise


def _stream(registry: Registry, temporary: Path, blob: Blob, meter: Meter) -> None:
    digest, length = hashlib.sha256(), 0
    with registry.blob(blob) as chunks, temporary.open("xb") as file:
        for chunk in chunks:
            digest.update(chunk)
            file.write(chunk)
            length += len(chunk)
            meter.advance(len(chunk))
        if length != blob.size:
            raise WrongContent(f"it ended after {length} of {blob.size} bytes")
        if "sha256:" + digest.hexdigest() != blob.digest:
            raise WrongContent(f"its bytes have sha256:{digest.hexdigest()}")
        file.flush()
        os.fchmod(file.fileno(), FILE_MODE)
        os.fsync(file.fileno())
