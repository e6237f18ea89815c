"""The versions of a door on the disk, and the two links to them: what was proven, and what HAProxy reads.

A run that dies leaves `current` as it was, or as it wanted it: nothing that serves is ever written over.
"""

from __future__ import annotations

import contextlib
import re
import shutil
from pathlib import Path

from jetson_deploy.expose.door import DoorFiles, DoorVersion
from jetson_deploy.store.layout import DIRECTORY_MODE, sync_directory
from jetson_deploy.store.whole_file import temporary_beside

_NUMBERED = re.compile(r"v[1-9][0-9]{0,8}")


def committed(files: DoorFiles) -> DoorVersion | None:
    """None: there is no door. Raises OSError."""
    try:
        name = files.current.readlink().name
    except (FileNotFoundError, NotADirectoryError):
        return None
    return DoorVersion(files.folder / name)


def new_version(files: DoorFiles) -> DoorVersion:
    """With nothing in it, and a number that none had. Raises OSError."""
    files.folder.mkdir(parents=True, exist_ok=True, mode=DIRECTORY_MODE)
    number = 1 + max((int(path.name[1:]) for path in _all(files)), default=0)
    version = DoorVersion(files.folder / f"v{number}")
    version.folder.mkdir(mode=DIRECTORY_MODE)
    return version


def run_with(files: DoorFiles, version: DoorVersion) -> None:
    """Let HAProxy read this one when it is started or reloaded next. Raises OSError."""
    files.running.parent.mkdir(exist_ok=True, mode=0o700)
    _link(files.running, version.folder)


def run_with_none(files: DoorFiles) -> None:
    """Where no unit of systemd removed it. Raises nothing."""
    with contextlib.suppress(OSError):
        files.running.unlink(missing_ok=True)
        files.running.parent.rmdir()


def runs_with(files: DoorFiles, version: DoorVersion) -> bool:
    return files.running.exists() and files.running.resolve() == version.folder.resolve()


def commit(files: DoorFiles, version: DoorVersion) -> None:
    """Raises OSError: `current` is then as it was."""
    for folder in (version.error_files, version.folder):
        sync_directory(folder)
    _link(files.current, Path(version.folder.name))
    sync_directory(files.folder)


def others(files: DoorFiles, kept: DoorVersion | None) -> list[Path]:
    """Versions that nothing leads to."""
    return [path for path in _all(files) if kept is None or path != kept.folder]


def remove_others(files: DoorFiles, kept: DoorVersion | None) -> None:
    """Raises OSError."""
    for path in others(files, kept):
        shutil.rmtree(path)


def _all(files: DoorFiles) -> list[Path]:
    if not files.folder.is_dir():
        return []
    return [path for path in files.folder.iterdir() if _NUMBERED.fullmatch(path.name) and not path.is_symlink()]


def _link(path: Path, target: Path) -> None:
    new = temporary_beside(path)
    new.unlink(missing_ok=True)
    new.symlink_to(target)
    new.replace(path)
