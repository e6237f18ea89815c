"""One blob on the disk: is the one that lies there right."""

from __future__ import annotations

import errno
import hashlib
import threading
from collections.abc import Iterator
from pathlib import Path

from jetson_deploy.store.identity import VerifiedBlobs
from jetson_deploy.store.interrupt import check_stop
from jetson_deploy.store.layout import StorePaths, size_on_disk
from jetson_deploy.store.manifest import Blob
from jetson_deploy.store.meter import Meter

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
