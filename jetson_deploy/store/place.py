"""A manifest under its name: the moment from which a model is there."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterable
from pathlib import Path

from jetson_deploy.errors import PreflightError
from jetson_deploy.names import ModelName
from jetson_deploy.store.disk_errors import is_full
from jetson_deploy.store.inventory import read_manifest
from jetson_deploy.store.layout import (
    StorePaths,
    make_directories,
    remove_empty_parents,
    set_mode_and_owner,
    sync_directory,
    sync_file,
    sync_parents,
)
from jetson_deploy.store.manifest import Blob, manifest_digest


def place_manifest(paths: StorePaths, name: ModelName, raw: bytes) -> None:
    """Atomic, and safe when it returns. All blobs must have their names by now. Raises OSError, PreflightError.

    A manifest with another digest that it replaces is kept (`StorePaths.kept`): a revision that went before may
    have to serve again.
    """
    before, final = read_manifest(paths, name), paths.manifest(name)
    if before == raw:
        sync_file(final)
        sync_parents(final, paths.root)
        return
    check_case(paths, name)
    if before is not None:
        make_directories(paths.kept, like=paths.root)
        _write(paths, paths.kept / manifest_digest(before), before)
    try:
        make_directories(final.parent, like=paths.root)
        _write(paths, final, raw)
    except OSError:
        remove_empty_parents(final, paths.manifests)
        raise
    sync_parents(final, paths.root)


def make_durable(paths: StorePaths, blobs: Iterable[Blob]) -> None:
    """Before a manifest names them: blobs that were here may lie in the page cache alone. Raises OSError."""
    for blob in blobs:
        sync_file(paths.blob(blob))
    sync_parents(paths.blobs / "any", paths.root)


def _write(paths: StorePaths, final: Path, content: bytes) -> None:
    temporary = paths.temporary / f"manifest-{os.getpid()}-{threading.get_ident()}"
    try:
        with temporary.open("xb") as file:
            file.write(content)
            file.flush()
            set_mode_and_owner(file.fileno(), paths.root)
            os.fsync(file.fileno())
        temporary.replace(final)
    except OSError:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    sync_directory(final.parent)


def check_name(paths: StorePaths, name: ModelName) -> None:
    """Before the first byte: can this store hold a model of that name? The store's lock is held.

    Raises PreflightError `store-folds-case`, `store-name-refused`.
    """
    check_case(paths, name)
    host = name.manifest_path[0]
    if ":" not in host:
        return
    probe = paths.temporary / host
    try:
        probe.touch()
        probe.unlink()
    except OSError as error:
        if is_full(error):
            raise
        raise PreflightError(
            f"the filesystem of the store {paths.root} cannot hold the name {host}: {error.strerror}",
            hint="exFAT and FAT know no `:` in names: put the store on ext4, or use a registry on its usual port",
            code="store-name-refused",
        ) from error


def check_case(paths: StorePaths, name: ModelName) -> None:
    """Refuse a name that this filesystem takes for another one. Raises PreflightError `store-folds-case`.

    Ollama's names are the same in any case, its directories are not: on exFAT `DeepSeek-R1` would open
    the files of `deepseek-r1`, and replace them.
    """
    directory = paths.manifests
    for part in name.manifest_path:
        if not os.path.lexists(directory / part):
            return
        if part not in os.listdir(directory):  # noqa: PTH208 - names, not paths
            raise PreflightError(
                f"the store {paths.root} has a model whose name differs from {name.short} only in case; "
                "the filesystem is case-insensitive",
                hint="use the spelling that jetson-deploy model list shows, or a store on ext4",
                code="store-folds-case",
            )
        directory = directory / part
