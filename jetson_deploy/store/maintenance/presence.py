"""Whether the directory is a store at all: a command on any other directory must not end with `all right`."""

from __future__ import annotations

import os

from jetson_deploy.errors import PreflightError
from jetson_deploy.store.layout import StorePaths


def check_is_store(paths: StorePaths) -> None:
    """It has `blobs/` or `manifests/`. Raises PreflightError `store-not-there`."""
    if not os.path.isdir(paths.blobs) and not os.path.isdir(paths.manifests):  # noqa: PTH112 - is_dir() raises EACCES
        raise _none(paths, "holds no model store")


def check_has_manifests(paths: StorePaths) -> None:
    """Blobs alone are all unneeded, or the other half of the store is not mounted. Raises as `check_is_store`."""
    if not os.path.isdir(paths.manifests):  # noqa: PTH112 - as above
        raise _none(paths, "is no model store: there is no directory manifests/ in it")


def _none(paths: StorePaths, otherwise: str) -> PreflightError:
    return PreflightError(
        f"{paths.root} {_why(paths) or otherwise}",
        hint="name the directory that has blobs/ and manifests/ in it with --store DIR; is its disk mounted? sudo?",
        code="store-not-there",
    )


def _why(paths: StorePaths) -> str | None:
    try:
        os.listdir(paths.root)  # noqa: PTH208 - whether it can be listed
    except FileNotFoundError:
        return "is not there"
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    return None
