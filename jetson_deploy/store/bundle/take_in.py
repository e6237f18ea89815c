"""A model from a file into the store, through the same door as one from a registry."""

from __future__ import annotations

import threading
from pathlib import Path

from jetson_deploy.errors import IntegrityError
from jetson_deploy.events import Reporter
from jetson_deploy.names import ModelName
from jetson_deploy.store.disk_errors import store_error
from jetson_deploy.store.fetch import LOCK_SECONDS
from jetson_deploy.store.layout import prepare_store
from jetson_deploy.store.lock import store_lock
from jetson_deploy.store.manifest import manifest_digest
from jetson_deploy.store.place import check_name
from jetson_deploy.store.transfer.bring import FetchResult, bring_model
from jetson_deploy.store.transfer.pace import Pace
from jetson_deploy.store.transfer.source import Source

CHECKPOINTS_APART = 8
"""Times as far as those of a network: what a kill costs is read again in a moment, and checkpoints as close as a
network's made it take three times as long (measured)."""


def take_in(
    name: ModelName,
    raw: bytes,
    source: Source,
    *,
    store: Path,
    expected_digest: str | None,
    report: Reporter,
    stop: threading.Event,
    checkpoint_bytes: int,
    lock_seconds: float = LOCK_SECONDS,
) -> FetchResult:
    """Copy what is missing, hashed while it is read; cut or killed, the next call goes on there; the manifest is last.

    `checkpoint_bytes`: of a network; a kill costs CHECKPOINTS_APART times as much.
    `expected_digest`: 64 hex digits that the manifest `raw` must have; None: any. Raises like `fetch_model`.
    """
    if expected_digest is not None and manifest_digest(raw) != expected_digest:
        raise IntegrityError(
            f"{name.short} in {source.address} is {manifest_digest(raw)}, on record is {expected_digest}",
            hint="take it nevertheless with --accept-new-digest, or under another name with --as NAME",
            code="model-tag-moved",
        )
    # One reader: two only make the disk seek.
    pace = Pace(most_connections=1, checkpoint_bytes=CHECKPOINTS_APART * checkpoint_bytes)
    paths = prepare_store(store)
    try:
        with store_lock(paths, wait_seconds=lock_seconds, report=report, stop=stop):
            check_name(paths, name)
            return bring_model(paths, name, raw, [source], report=report, stop=stop, pace=pace, sleep=_not_at_all)
    except OSError as error:
        raise store_error(error, paths.root) from error


def _not_at_all(seconds: float) -> None:
    """Between two tries of a network one waits; a file is as it is."""
