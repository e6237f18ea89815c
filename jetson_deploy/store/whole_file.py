"""Small files that are replaced whole or not at all, whatever fails and whenever the run or the power dies.

Temporary file in the same directory, fsync, rename, fsync of the directory. What the file was can be kept under a
second name, which is itself replaced in one rename.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import stat
from pathlib import Path

from jetson_deploy.store.layout import DIRECTORY_MODE, FILE_MODE, remove_whatever, sync_parents

PRIVATE_MODE = 0o600
"""For its owner alone, from the first moment on."""

_NO_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EACCES)
"""How filesystems without hard links (FAT, some FUSE) and protected ones (fs.protected_hardlinks) answer."""
_TEMPORARY = re.compile(
    r"\.(?:(?:state|brought|prepared|\.after-reboot)\.json(?:\.bak|\.set-aside)?|[0-9]{4,20}-[a-z0-9-]{1,64})\.(?P<pid>[0-9]{1,10})"
)
"""Names that only our temporary files have: what others put into the directory stays."""


def replace_whole(path: Path, content: bytes, *, keep_as: str | None = None, mode: int = FILE_MODE) -> None:
    """`keep_as`: name beside it for what the file was until now. Raises OSError: the file is then the old or the new.

    Not for two threads at once.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=DIRECTORY_MODE)
    remove_leftovers(path.parent)
    new = temporary_beside(path)
    kept = None if keep_as is None else path.parent / keep_as
    try:
        write_new(new, content, mode)
        if kept is not None:
            _keep(path, kept)
        new.replace(path)
    finally:
        for left in (new, *([] if kept is None else [temporary_beside(kept)])):
            with contextlib.suppress(OSError):
                left.unlink(missing_ok=True)
    # A run that was killed may have made the directories and not have synced their names.
    sync_parents(path, path.parent.parent)


def read_bounded(path: Path, limit: int) -> bytes | None:
    """The whole file; None when it is longer than `limit` bytes or no regular file (a pipe would block)."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(descriptor, "rb") as file:  # noqa: PTH123 - a descriptor
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return None
        content = file.read(limit + 1)
    return content if len(content) <= limit else None


def write_new(path: Path, content: bytes, mode: int = FILE_MODE) -> None:
    """A file that is on the disk when this returns. Never into one that is there: it may be a link to a good one."""
    remove_whatever(path)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    with open(descriptor, "wb") as file:  # noqa: PTH123 - a descriptor
        with contextlib.suppress(PermissionError):  # FAT knows no modes
            os.fchmod(descriptor, mode)  # whatever the umask: `status` needs no root
        file.write(content)
        file.flush()
        os.fsync(descriptor)


def temporary_beside(path: Path) -> Path:
    return path.parent / f".{path.name}.{os.getpid()}"


def remove_leftovers(directory: Path) -> None:
    """Temporary files and directories of runs that died. Raises nothing."""
    with contextlib.suppress(OSError):
        for name in os.listdir(directory):  # noqa: PTH208 - names, not paths
            found = _TEMPORARY.fullmatch(name)
            if found and not _alive(int(found["pid"])):
                with contextlib.suppress(OSError):
                    remove_whatever(directory / name)


def temporaries(directory: Path) -> list[Path]:
    """Everything there with a name that only a temporary file of ours has."""
    with contextlib.suppress(OSError):
        return [path for path in directory.iterdir() if _TEMPORARY.fullmatch(path.name)]
    return []


def _keep(path: Path, kept: Path) -> None:
    """Under its second name, by a rename: at every moment that name is the one before or this one."""
    temporary = temporary_beside(kept)
    remove_whatever(temporary)
    if not path.exists():
        return
    try:
        os.link(path, temporary, follow_symlinks=False)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        write_new(temporary, path.read_bytes())
    temporary.replace(kept)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        return True
    return pid > 0
