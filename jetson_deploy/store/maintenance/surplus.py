"""Unfinished downloads in a store."""

from __future__ import annotations

import re
import stat
from pathlib import Path

import msgspec

from jetson_deploy.store.kept import names_in
from jetson_deploy.store.layout import StorePaths

_PART = re.compile(r"([0-9a-f]{64})\.(?:data|journal|journal-new)")


class Unfinished(msgspec.Struct, frozen=True, kw_only=True):
    """A download that was cut: a fetch of its model resumes it."""

    digest: str
    """64 hex digits of the blob."""
    paths: tuple[Path, ...]
    """The journal first: it must never promise bytes that are gone."""
    disk_bytes: int
    written_at: float
    """Seconds since 1970, of the last write to any of its files."""


def unfinished_downloads(paths: StorePaths) -> tuple[Unfinished, ...]:
    """Raises OSError when the directory cannot be listed."""
    found: dict[str, list[Path]] = {}
    for name in names_in(paths.partial):
        if match := _PART.fullmatch(name):
            found.setdefault(match[1], []).append(paths.partial / name)
    downloads = [_unfinished(digest, files) for digest, files in found.items()]
    return tuple(download for download in downloads if download is not None)


def _unfinished(digest: str, files: list[Path]) -> Unfinished | None:
    """None: it was finished, removed or replaced meanwhile."""
    try:
        states = [path.lstat() for path in files]
    except FileNotFoundError:
        return None
    if not all(stat.S_ISREG(state.st_mode) for state in states):
        return None
    return Unfinished(
        digest=digest,
        paths=tuple(sorted(files, key=lambda path: (path.suffix == ".data", path.name))),
        disk_bytes=sum(state.st_blocks * 512 for state in states),
        written_at=max(state.st_mtime for state in states),
    )
