"""Bundles of evidence of failed revisions: few, small, without secrets."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Mapping
from pathlib import Path

from jetson_deploy.state.redact import redacted
from jetson_deploy.store.layout import DIRECTORY_MODE, remove_whatever, sync_directory, sync_parents
from jetson_deploy.store.whole_file import (
    remove_leftovers,
    temporaries,
    temporary_beside,
    write_new,
)

KEPT_BUNDLES = 5
MOST_BYTES = 20 * 2**20
"""Of all bundles of a deployment together."""
FILE_BYTES = 256 * 2**10
"""The end of a log tells why it ended."""
MOST_FILES = 40
_BUNDLE = re.compile(r"(?P<revision>[0-9]{4,20})-[a-z0-9-]{1,64}")


def keep_bundle(parent: Path, revision: int, what: str, files: Mapping[str, str]) -> Path:
    """`parent`/<0007>-<what>/ with `files`; the oldest bundles go. Raises OSError: nothing half written stays."""
    parent.mkdir(parents=True, exist_ok=True, mode=DIRECTORY_MODE)
    remove_leftovers(parent)
    bundle = parent / f"{revision:04d}-{_plain(what.lower(), r'[^a-z0-9-]')[:60] or 'evidence'}"
    new, old = temporary_beside(bundle), temporary_beside(parent / f"{bundle.name}-old")
    try:
        remove_whatever(new)
        new.mkdir(mode=DIRECTORY_MODE)
        for name, text in list(files.items())[:MOST_FILES]:
            write_new(new / (_plain(name, r"[^A-Za-z0-9._-]").lstrip(".")[:100] or "file"), _end(name, text))
        sync_directory(new)
        if bundle.is_dir():
            remove_whatever(old)
            bundle.rename(old)  # a bundle is never half removed under its name
        new.rename(bundle)
        sync_parents(bundle, parent.parent)
    except OSError:
        with contextlib.suppress(OSError):
            remove_whatever(new)
        raise
    with contextlib.suppress(OSError):
        remove_whatever(old)
    _remove_oldest(parent, bundle)
    return bundle


def remove_bundles(parent: Path) -> None:
    """Ours alone, and the directory when nothing else is in it."""
    for path in (*_bundles(parent), *temporaries(parent)):
        remove_whatever(path)
    with contextlib.suppress(OSError):
        parent.rmdir()


def _remove_oldest(parent: Path, newest: Path) -> None:
    """By revision: a clock may have been wrong."""
    bundles = [b for b in _bundles(parent) if b != newest]
    while bundles and (len(bundles) >= KEPT_BUNDLES or _size([*bundles, newest]) > MOST_BYTES):
        with contextlib.suppress(OSError):
            remove_whatever(bundles[0])
        bundles.pop(0)


def _bundles(parent: Path) -> list[Path]:
    """Oldest first."""
    try:
        names = [name for name in os.listdir(parent) if _BUNDLE.fullmatch(name)]  # noqa: PTH208 - names, not paths
    except OSError:
        return []
    return [parent / name for name in sorted(names, key=lambda name: (int(name.split("-")[0]), name))]


def _size(bundles: list[Path]) -> int:
    return sum(file.lstat().st_size for bundle in bundles for file in bundle.rglob("*"))


def _end(name: str, text: str) -> bytes:
    """Redacted before it is cut: a cut may take the name of a secret and leave its value."""
    if not name.endswith(".json") and len(text) > 2 * FILE_BYTES:
        rest = text[-2 * FILE_BYTES :]
        text = rest.partition("\n")[2] or rest
    content = redacted(name, text).encode(errors="backslashreplace")
    return content[-FILE_BYTES:].decode(errors="ignore").encode()


def _plain(text: str, foreign: str) -> str:
    return re.sub(foreign, "-", text)
