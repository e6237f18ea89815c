"""Paths in a store: Ollama's on-disk layout, and a directory of our own beside it.

    <store>/blobs/sha256-<64 hex>
    <store>/manifests/<host>/<namespace>/<model>/<tag>
    <store>/.jetson-deploy/                 ours: lock, verified.json, tmp/, partial/, kept/, pinned/, dropped/

Ollama deletes what it does not know in `blobs/`, and lists or chokes on what it does not know in
`manifests/` (docs/ollama-behaviour.md), so nothing unfinished is ever written there.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import stat
import tempfile
from pathlib import Path

import msgspec

from jetson_deploy.errors import PreflightError
from jetson_deploy.names import ModelName
from jetson_deploy.store.disk_errors import store_error
from jetson_deploy.store.manifest import Blob

DIRECTORY_MODE = 0o755
FILE_MODE = 0o644


class StorePaths(msgspec.Struct, frozen=True):
    """The paths of one store. Nothing is read or created here."""

    root: Path

    @property
    def blobs(self) -> Path:
        return self.root / "blobs"

    @property
    def manifests(self) -> Path:
        return self.root / "manifests"

    @property
    def own(self) -> Path:
        return self.root / ".jetson-deploy"

    @property
    def temporary(self) -> Path:
        """Unfinished files; whoever holds the store's lock may empty it."""
        return self.own / "tmp"

    @property
    def partial(self) -> Path:
        """Unfinished downloads with their journals; they outlive the run."""
        return self.own / "partial"

    @property
    def kept(self) -> Path:
        """Manifests that were replaced under their name, by the 64 hex digits of their digest."""
        return self.own / "kept"

    @property
    def pinned(self) -> Path:
        """Trees of manifests that deployments see instead of `manifests/`: <digest>/<host>/<namespace>/<model>/<tag>.

        server/ollama/container.py mounts them by this very name."""
        return self.own / "pinned"

    @property
    def dropped(self) -> Path:
        """Manifests that are no longer needed, until the blobs are removed that only they needed."""
        return self.own / "dropped"

    @property
    def lock(self) -> Path:
        return self.own / "lock"

    @property
    def verified(self) -> Path:
        return self.own / "verified.json"

    def blob(self, blob: Blob) -> Path:
        return self.blobs / blob.file_name

    def manifest(self, name: ModelName) -> Path:
        return self.manifests.joinpath(*name.manifest_path)


def size_on_disk(path: Path) -> int | None:
    """None: no regular file there, or not readable."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_size if stat.S_ISREG(status.st_mode) else None


FSTAB = Path("/etc/fstab")


def prepare_store(path: Path, *, fstab: Path = FSTAB) -> StorePaths:
    """Make `path` usable as a store, or say why it cannot be; a real file is written and removed again.

    Raises PreflightError (store-not-writable, store-not-a-directory, store-not-mounted, store-read-only,
    store-split) or ResourceError (disk-full).
    """
    paths = StorePaths(path.absolute())
    _check_mounted(paths.root, fstab)
    try:
        make_directories(paths.root)
        for directory in (paths.blobs, paths.manifests, paths.own, paths.temporary, paths.partial):
            make_directories(directory, like=paths.root)
        _probe(paths)
    except OSError as error:
        raise store_error(error, paths.root) from error
    return paths


def _check_mounted(store: Path, fstab: Path) -> None:
    """Refuse a store below a mount point of fstab that is not mounted: the model would fill the root disk."""
    if point := missing_mount(store, fstab):
        raise PreflightError(
            f"{point} is listed in {fstab} but not mounted, and the store {store} lies there",
            hint=f"mount it (sudo mount {point}), or use another disk with --store DIR",
            code="store-not-mounted",
        )


def missing_mount(store: Path, fstab: Path = FSTAB) -> str | None:
    """The mount point of fstab that is not mounted although the store lies below it. systemd calls a disk with `nofail`
    that is missing no failure, and containers start on the empty mount point."""
    ancestors = {str(parent) for parent in (store, *store.parents)}
    return next((p for p in _mount_points(fstab) if p in ancestors and not os.path.ismount(p)), None)


def _mount_points(fstab: Path) -> list[str]:
    try:
        lines = fstab.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return []
    fields = [line.split() for line in lines if not line.lstrip().startswith("#")]
    # fstab(5) writes a space in a path as \040.
    return [f[1].replace("\\040", " ") for f in fields if len(f) >= 3 and f[1].startswith("/")]


def make_directories(path: Path, *, like: Path | None = None) -> None:
    """Like mkdir -p, with mode 0755 whatever the umask, for every directory that is made; parents are fsynced.

    `like`: what is made belongs to the owner of that directory.
    """
    if path.is_dir():
        return
    make_directories(path.parent, like=like)
    with contextlib.suppress(FileExistsError):
        path.mkdir()
        set_mode_and_owner(path, like or path.parent, DIRECTORY_MODE)
        sync_directory(path.parent)
    if not path.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(path))


def set_mode_and_owner(target: int | Path, like: Path, mode: int = FILE_MODE) -> None:
    """Readable for every server; root gives what it makes to the owner of `like` (a store of native Ollama).

    FAT and some network filesystems know neither modes nor owners and refuse; there it stays as it is.
    """
    with contextlib.suppress(PermissionError):
        os.chmod(target, mode)  # noqa: PTH101 - a descriptor too
    owner = like.stat()
    if os.geteuid() == 0 and (owner.st_uid, owner.st_gid) != (0, 0):
        with contextlib.suppress(PermissionError):
            os.chown(target, owner.st_uid, owner.st_gid)


def _probe(paths: StorePaths) -> None:
    """Permission bits do not tell for root, network file systems and read-only mounts: only a write does."""
    for directory in (paths.temporary, paths.blobs, paths.manifests):
        if directory.stat().st_dev != paths.own.stat().st_dev:
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV), str(directory))
        descriptor = _o_tmpfile(directory)
        if descriptor is None and directory == paths.temporary:
            descriptor = nameless_file(directory)
        if descriptor is not None:
            try:
                os.write(descriptor, b"x")
            finally:
                os.close(descriptor)
        elif not os.access(directory, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(directory))


def _o_tmpfile(directory: Path) -> int | None:
    """Whatever happens, no probe is left behind. NFS and FAT know only files with names: a power cut could leave one,
    and where Ollama looks nothing foreign may lie; there (None) the permissions must do."""
    try:
        return os.open(directory, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o600)
    except OSError as error:
        if error.errno not in (errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL):
            raise
    return None


def nameless_file(directory: Path) -> int:
    """A descriptor to write to and read from; the file is gone when it is closed. Raises OSError."""
    if (descriptor := _o_tmpfile(directory)) is not None:
        return descriptor
    descriptor, name = tempfile.mkstemp(prefix="probe-", dir=directory)
    Path(name).unlink()
    return descriptor


def sync_file(path: Path) -> None:
    """Make the content of a file that is here already safe; cheap when it is. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_parents(path: Path, root: Path) -> None:
    """Make the names safe that lead to `path`, also those above the store that another program may have made.

    A run that was killed between making a name and its fsync leaves names that a power cut takes back.
    """
    for parent in path.parents:
        try:
            sync_directory(parent)
        except OSError:
            if parent == root or root in parent.parents:
                raise  # above the store others may forbid to look
        if os.path.ismount(parent):
            return


def sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove_whatever(path: Path) -> None:
    """A file, a link, or a directory with all that is in it. Raises OSError."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def remove_empty_parents(path: Path, top: Path) -> None:
    """Remove the empty directories above `path`, below `top`: Ollama refuses to start on some empty ones."""
    for parent in path.parents:
        if parent == top or top not in parent.parents:
            return
        try:
            parent.rmdir()
        except OSError:
            return
