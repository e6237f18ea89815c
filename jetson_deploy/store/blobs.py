"""One blob on the disk: is the one that lies there right."""

from __future__ import annotations

import errno
import threading
from pathlib import Path

from jetson_deploy.store.hashing import hash_open_file
from jetson_deploy.store.identity import VerifiedBlobs
from jetson_deploy.store.interrupt import check_stop
from jetson_deploy.store.layout import StorePaths, size_on_disk
from jetson_deploy.store.manifest import Blob
from jetson_deploy.store.meter import Meter


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
    before = meter.done
    try:
        with path.open("rb", buffering=0) as file:
            hashed = hash_open_file(file.fileno(), meter.advance, stop.is_set)
    except OSError as error:
        if error.errno != errno.EIO:
            raise
        meter.advance(before - meter.done)
        return "the disk cannot read it"
    check_stop(stop)
    if f"sha256:{hashed.sha256}" == blob.digest:
        return None
    meter.advance(before - meter.done)
    return f"its bytes have sha256:{hashed.sha256}"
