"""Drift of the deployed model in the store: its pinned manifest, and every file that it names."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

from jetson_deploy.deployment.drifted import NOTHING, Drifted, UpWould
from jetson_deploy.deployment.instance import Instance
from jetson_deploy.deployment.plan import CreateContainer, PinModel, StageModel
from jetson_deploy.store.hashing import hash_file
from jetson_deploy.store.identity import VerifiedBlobs
from jetson_deploy.store.kept import KeptManifest, pinned_tree
from jetson_deploy.store.layout import StorePaths
from jetson_deploy.store.manifest import Blob

_ALTERED = "changed since it was hashed"
_NEVER_HASHED = "not on record as hashed"
_REPAIR = f"{NOTHING}: jetson-deploy model verify --repair"


def store_drifted(serving: Instance, would: UpWould, gaps: list[str], *, deep: bool) -> Iterator[Drifted]:
    """`gaps` gets what could not be looked at. `deep`: the files are hashed."""
    if serving.record.manifest_digest is None or not serving.record.store:
        gaps.append("the model's files: the container does not say which they are")
        return
    paths = StorePaths(Path(serving.record.store))
    try:
        kept = pinned_tree(paths, serving.record.manifest_digest)
    except OSError as error:
        gaps.append(f"the model's files: {error.strerror}: {paths.root}")
        return
    blobs = {blob.file_name: blob for one in kept if one.manifest is not None for blob in one.manifest.blobs}
    if not blobs:
        yield _no_manifest(serving.record.manifest_digest, kept, would)
        return
    verified = VerifiedBlobs(paths)
    for _, blob in sorted(blobs.items()):
        yield from _blob(paths, verified, blob, would, gaps, deep=deep)


def _no_manifest(digest: str, kept: tuple[KeptManifest, ...], would: UpWould) -> Drifted:
    return Drifted(
        id="pinned-manifest-lost",
        what="pinned manifest",
        deployed=digest,
        found=next((one.problem for one in kept if one.problem), "gone"),
        effect="serves on, but the model cannot be loaded again",
        up_would=would.about(StageModel, PinModel, CreateContainer),
    )


def _blob(
    paths: StorePaths, verified: VerifiedBlobs, blob: Blob, would: UpWould, gaps: list[str], *, deep: bool
) -> Iterator[Drifted]:
    try:
        problem = _problem(paths, verified, blob, deep=deep)
    except OSError as error:
        gaps.append(f"blob {blob.file_name[:19]}: {error.strerror}")
        return
    if problem is None:
        return
    unhashed = problem == _NEVER_HASHED
    yield Drifted(
        id="blob-not-hashed" if unhashed else "blob-damaged",
        what=f"blob {blob.file_name[:19]}",
        deployed=f"{blob.size} bytes",
        found=problem,
        effect="whether it is right is unknown: --deep hashes it"
        if unhashed
        else "the model fails when it is loaded again",
        # What has the size and the times of the right one is not hashed again by `up`.
        up_would=would.about(StageModel, otherwise=_REPAIR),
        level="info" if unhashed else "warning",
    )


def _problem(paths: StorePaths, verified: VerifiedBlobs, blob: Blob, *, deep: bool) -> str | None:
    """Raises OSError when it is there and cannot be read."""
    path = paths.blob(blob)
    try:
        size = path.stat().st_size
    except FileNotFoundError:
        return "gone"
    if size != blob.size:
        return f"{size} bytes"
    if deep:
        hashed = hash_file(path, lambda _: None, threading.Event().is_set)
        if hashed.problem:
            return hashed.problem
        return None if f"sha256:{hashed.sha256}" == blob.digest else "other content"
    if verified.holds(blob):
        return None
    return _ALTERED if blob.file_name in verified.known else _NEVER_HASHED
