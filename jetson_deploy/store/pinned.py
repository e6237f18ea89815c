"""Pin a manifest for a deployment: its container sees the tree `pinned/<digest>` instead of `manifests/`.

A tag that is moved, fetched anew or removed then changes nothing for what serves. The engine mounts the directory
of the digest, so it appears only complete, and is mended in place: a container that has it mounted sees that too.
"""

from __future__ import annotations

import contextlib
import os
import threading
from pathlib import Path

from jetson_deploy.errors import PreflightError
from jetson_deploy.events import Reporter, silent
from jetson_deploy.facts import ModelFacts
from jetson_deploy.names import ModelName
from jetson_deploy.store.disk_errors import store_error
from jetson_deploy.store.identity import VerifiedBlobs
from jetson_deploy.store.inventory import missing_bytes
from jetson_deploy.store.kept import KeptManifest, digests_in, manifest_here, pinned_manifests, pinned_tree
from jetson_deploy.store.layout import (
    StorePaths,
    make_directories,
    prepare_store,
    remove_whatever,
    set_mode_and_owner,
    sync_directory,
    sync_file,
    sync_parents,
)
from jetson_deploy.store.lock import store_lock
from jetson_deploy.store.model_facts import model_facts

LOCK_SECONDS = 24 * 3600.0
"""As for a fetch, which comes right before: another one may be bringing 43 GB."""


def pin_manifest(
    store: Path,
    name: ModelName,
    digest: str,
    *,
    report: Reporter = silent,
    stop: threading.Event | None = None,
    lock_seconds: float = LOCK_SECONDS,
) -> None:
    """Keep the manifest of `digest` (64 hex digits) under `name` where no tag can be moved away. Safe when it returns.

    Its bytes come from the store alone; with the pin there and right, nothing is written. Raises PreflightError
    (`manifest-not-here`, the store), ResourceError, LockedError, InterruptedRunError.
    """
    paths = StorePaths(store.absolute())
    try:
        if _is_pinned(paths, name, digest):
            return _make_safe(paths, name, digest)
        _bytes_of(paths, name, digest)
        prepare_store(paths.root)
        make_directories(paths.pinned, like=paths.root)
        with store_lock(paths, wait_seconds=lock_seconds, report=report, stop=stop or threading.Event()):
            _pin(paths, name, digest)
            _make_safe(paths, name, digest)
    except OSError as error:
        raise store_error(error, paths.root) from error


def pinned_digests(store: Path) -> tuple[str, ...]:
    """Of the trees that are whole: every manifest in them has the digest. Never raises."""
    paths = StorePaths(store)
    with contextlib.suppress(OSError):
        return tuple(digest for digest in digests_in(paths.pinned) if is_whole(pinned_tree(paths, digest)))
    return ()


def pinned_models(store: Path) -> tuple[ModelFacts, ...]:
    """Every name in the trees that are whole, as `read_models` tells those of the tags. Never raises."""
    paths, whole = StorePaths(store), pinned_digests(store)
    verified = VerifiedBlobs(paths)
    with contextlib.suppress(OSError):
        return tuple(
            model_facts(
                found.name.short,
                found.digest,
                found.manifest,
                complete=all(verified.holds(blob) for blob in found.manifest.blobs),
                missing_bytes=missing_bytes(paths, found.manifest),
            )
            for found in pinned_manifests(paths)
            if found.digest in whole and found.name is not None and found.manifest is not None
        )
    return ()


def is_whole(tree: tuple[KeptManifest, ...]) -> bool:
    return bool(tree) and all(found.problem is None for found in tree)


def _is_pinned(paths: StorePaths, name: ModelName, digest: str) -> bool:
    tree = pinned_tree(paths, digest)
    return is_whole(tree) and any(found.name == name for found in tree)


def _make_safe(paths: StorePaths, name: ModelName, digest: str) -> None:
    """A run that was killed may have left names that a power cut takes back."""
    final = _final(paths, name, digest)
    sync_file(final)
    sync_parents(final, paths.root)


def _final(paths: StorePaths, name: ModelName, digest: str) -> Path:
    return paths.pinned.joinpath(digest, *name.manifest_path)


def _bytes_of(paths: StorePaths, name: ModelName, digest: str) -> bytes:
    """Raises PreflightError `manifest-not-here`."""
    raw = manifest_here(paths, name, digest)
    if raw is not None:
        return raw
    raise PreflightError(
        f"the store {paths.root} has no manifest {digest[:12]} of {name.short}",
        hint=f"jetson-deploy model fetch {name.short} fetches the present model of that tag; "
        "a manifest that the tag has left is nowhere to be had",
        code="manifest-not-here",
    )


def _pin(paths: StorePaths, name: ModelName, digest: str) -> None:
    raw = _bytes_of(paths, name, digest)
    tree = paths.pinned / digest
    if os.path.lexists(tree) and not tree.is_dir():
        tree.unlink()
    wanted = {_final(paths, name, digest)}
    for found in pinned_tree(paths, digest):
        if found.problem is not None and found.path != tree:
            wanted |= {found.path} if found.name else set()
            if found.name is None or found.path.is_dir():
                remove_whatever(found.path)  # no file can take its place, and Ollama chokes on it
    for final in sorted(wanted):
        _place(paths, final, raw)


def _place(paths: StorePaths, final: Path, raw: bytes) -> None:
    """The file, with the directories above it that are missing, by one rename: Ollama refuses to start on some empty
    directories, and a tree without its manifest must not be mounted. Raises OSError."""
    top = final
    while not top.parent.is_dir():
        top = top.parent
    temporary = paths.temporary / f"pin-{os.getpid()}-{threading.get_ident()}"
    try:
        _write(temporary.joinpath(*final.relative_to(top).parts), raw, paths.root)
        temporary.replace(top)
    except OSError:
        with contextlib.suppress(OSError):
            remove_whatever(temporary)
        raise
    sync_directory(top.parent)


def _write(path: Path, raw: bytes, like: Path) -> None:
    make_directories(path.parent, like=like)
    with path.open("xb") as file:
        file.write(raw)
        file.flush()
        set_mode_and_owner(file.fileno(), like)
        os.fsync(file.fileno())
    sync_directory(path.parent)
