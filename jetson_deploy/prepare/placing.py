"""One foreign file: read, judged, and replaced whole with its mode, owner and attributes kept."""

from __future__ import annotations

import array
import contextlib
import errno
import fcntl
import os
import stat
from pathlib import Path

import msgspec

from jetson_deploy.detect.mounts import unescape
from jetson_deploy.digest import sha256_hex
from jetson_deploy.errors import PreflightError, ResourceError
from jetson_deploy.store.disk_errors import is_full
from jetson_deploy.store.layout import sync_directory
from jetson_deploy.store.whole_file import read_bounded, write_new

MOST_BYTES = 2**20
"""A configuration that is longer is none that a person wrote."""
_GETFLAGS = 0x80086601
"""FS_IOC_GETFLAGS of 64-bit Linux."""
_IMMUTABLE, _APPEND_ONLY = 0x10, 0x20
_NEW_MODE = 0o644


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """What a file was. Its bytes lie among the originals under their digest."""

    digest: str
    mode: int
    uid: int
    gid: int


def read_file(path: Path) -> bytes | None:
    """None: there is none. Raises PreflightError where it is not to be read, or no plain file."""
    try:
        content = read_bounded(path, MOST_BYTES)
    except FileNotFoundError:
        return None
    except PermissionError as error:
        raise refusal(path, "may not be read", "run with sudo") from error
    except OSError as error:
        raise refusal(path, f"cannot be read: {error.strerror}", f"look at it: ls -l {path}") from error
    if content is None:
        raise refusal(path, f"is no plain file of at most {MOST_BYTES} bytes", f"look at it: ls -l {path}")
    return content


def kept(path: Path, content: bytes) -> Kept:
    found = path.stat()
    return Kept(digest=sha256_hex(content), mode=stat.S_IMODE(found.st_mode), uid=found.st_uid, gid=found.st_gid)


def check_replaceable(path: Path) -> None:
    """Raises PreflightError where a rename over it would fail, or would part it from a second name."""
    _check_folder(path)
    if not path.exists():
        return
    found = path.stat()
    if found.st_nlink > 1:
        raise refusal(
            path, f"has {found.st_nlink} names (hard links), of which only one would change", "give it one name"
        )
    if is_mount_point(path):
        raise refusal(path, "is mounted from elsewhere", "change it where it comes from")
    flags = _flags(path)
    if flags & (_IMMUTABLE | _APPEND_ONLY):
        raise refusal(path, "is immutable (chattr)", f"sudo chattr -i -a {path}; then run it again")


def is_mount_point(path: Path) -> bool:
    """By the kernel's list: `ismount` goes by device numbers, which differ for each file of an overlay, and not for a
    file that is bound from the same disk."""
    with contextlib.suppress(OSError):
        lines = Path("/proc/self/mountinfo").read_text(errors="replace").splitlines()
        wanted = os.path.realpath(path)
        return any(unescape(line.split(" ", 5)[4]) == wanted for line in lines)
    return os.path.ismount(path)


def _check_folder(path: Path) -> None:
    """The nearest directory that is there, in which a name has to be made."""
    folder = next(one for one in path.parents if one.is_dir())
    if os.statvfs(folder).f_flag & os.ST_RDONLY:
        raise refusal(path, "lies on a read-only filesystem", "change it where the system's configuration is made")
    if _flags(folder) & (_IMMUTABLE | _APPEND_ONLY):
        raise refusal(
            path,
            f"cannot be replaced: {folder} is immutable (chattr)",
            f"sudo chattr -i -a {folder}; then run it again",
        )


def put(path: Path, content: bytes, like: Kept | None) -> None:
    """Temporary file beside it, fsync, rename, fsync of the directory. Raises PreflightError, ResourceError."""
    new = temporary(path)
    try:
        write_new(new, content)
        _take_after(new, path, like)
        new.replace(path)
        sync_directory(path.parent)
    except OSError as error:
        raise not_written(path, error) from error
    finally:
        with contextlib.suppress(OSError):
            new.unlink(missing_ok=True)


def write_beside(path: Path, content: bytes) -> Path:
    """For a program that checks it first. Raises PreflightError, ResourceError."""
    new = temporary(path)
    try:
        write_new(new, content)
    except OSError as error:
        with contextlib.suppress(OSError):
            new.unlink(missing_ok=True)
        raise not_written(path, error) from error
    return new


def temporary(path: Path) -> Path:
    """One name: who writes holds the host's lock, so what a killed run left is replaced."""
    return path.parent / f".{path.name}.jetson-deploy"


def refusal(path: Path, what: str, hint: str) -> PreflightError:
    return PreflightError(f"{path} {what}", hint=hint, code="file-refused")


def _take_after(new: Path, path: Path, like: Kept | None) -> None:
    if path.exists():
        for name in os.listxattr(path):
            with contextlib.suppress(OSError):  # a file system, or a rule, that does not let it be copied
                os.setxattr(new, name, os.getxattr(path, name))
    new.chmod(like.mode if like else _NEW_MODE)
    if like and os.geteuid() == 0:
        os.chown(new, like.uid, like.gid)


def _flags(path: Path) -> int:
    held = array.array("l", [0])
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except PermissionError:
        return 0
    try:
        fcntl.ioctl(descriptor, _GETFLAGS, held, True)
    except OSError:  # file systems without such flags
        return 0
    finally:
        os.close(descriptor)
    return held[0]


def not_written(path: Path, error: OSError) -> PreflightError | ResourceError:
    if is_full(error):
        return ResourceError(
            f"cannot write {path}: {error.strerror}", hint=f"free space: df -h {path.parent}", code="no-space"
        )
    hint = f"look at it: ls -l {path.parent}"
    if error.errno in (errno.EACCES, errno.EPERM):
        hint = f"is it immutable? lsattr -d {path.parent}" if os.geteuid() == 0 else "run with sudo"
    return refusal(path, f"cannot be written: {error.strerror}", hint)
