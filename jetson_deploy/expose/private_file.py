"""Files for their owner alone: at no moment can another user read one, and each is replaced whole or not at all."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from jetson_deploy.store.layout import DIRECTORY_MODE, sync_directory
from jetson_deploy.store.whole_file import temporary_beside

_MODE = 0o600


def write_private(path: Path, content: bytes) -> None:
    """Raises OSError: the file is then the old or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=DIRECTORY_MODE)
    new = temporary_beside(path)
    new.unlink(missing_ok=True)
    try:
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _MODE)
        with open(descriptor, "wb") as file:  # noqa: PTH123 - a descriptor
            file.write(content)
            file.flush()
            os.fsync(descriptor)
        new.replace(path)
    finally:
        with contextlib.suppress(OSError):
            new.unlink(missing_ok=True)
    sync_directory(path.parent)
