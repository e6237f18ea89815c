"""A report as one file: an archive that is written whole or not at all, and never over another one."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec

from jetson_deploy.doctor.report.made import Made
from jetson_deploy.errors import JetsonDeployError, ResourceError, UsageError
from jetson_deploy.names import shown
from jetson_deploy.units import size_text

FOLDER = "jetson-deploy-report"
_MODE = 0o600
"""What was missed by all the rules is at least not readable for others on the machine."""


def packed(made: Made) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz", format=tarfile.PAX_FORMAT) as archive:
        for name, text in sorted({**made.files, **_own(made)}.items()):
            data = text.encode(errors="backslashreplace")
            entry = _entry(name)
            entry.size, entry.mode = len(data), 0o644
            archive.addfile(entry, io.BytesIO(data))
        for name, target in sorted(made.links.items()):
            entry = _entry(name)
            entry.type, entry.linkname, entry.mode = tarfile.SYMTYPE, target, 0o777
            archive.addfile(entry)
    return stream.getvalue()


def _entry(name: str) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(f"{FOLDER}/{name}")
    entry.mtime = int(time.time())
    return entry


def _own(made: Made) -> dict[str, str]:
    report = made.report
    document = msgspec.json.format(msgspec.json.encode(report), indent=1).decode() + "\n"
    return {"report.json": document, "README.md": "\n".join(_readme(made)) + "\n"}


def _readme(made: Made) -> Iterator[str]:
    report = made.report
    yield f"Captured on a host by `jetson-deploy doctor --report`, jetson-deploy {report.version}.\n"
    if report.simulated:
        yield f"Simulated: {report.simulated}\n"
    if "root/" in report.parts:
        yield f"`jetson-deploy plan --root {FOLDER}/root` and `doctor --root {FOLDER}/root` judge it again.\n"
    yield "| replaced | times |\n| --- | --- |"
    yield from (f"| {kind} | {count} |" for kind, count in report.redactions.items())
    yield "\nNot in it:\n"
    yield from (f"- {one}" for one in report.left_out or ("nothing that was looked for",))
    yield from ("\nNever in a captured root:\n", *(f"- {one}" for one in report.withheld)) if report.withheld else ()
    yield "\nEach rule knows what it knows: read it before you pass it on."


@contextlib.contextmanager
def new_file(path: Path) -> Iterator[io.FileIO]:
    """Made before anything is read, so that a place that cannot be written is known at once; under its name at the end.

    Raises UsageError `report-exists`, `report-not-writable`; ResourceError `no-space`.
    """
    try:
        if os.path.lexists(path):
            raise _exists(path)
        temporary = path.parent / f".{path.name}.{os.getpid()}"
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _MODE)
    except (OSError, ValueError) as error:
        raise not_written(path, error) from error
    try:
        with open(descriptor, "wb", buffering=0) as stream:  # noqa: PTH123 - a descriptor
            yield stream
            os.fsync(stream.fileno())
            _give_to_caller(stream.fileno())
        if os.path.lexists(path):
            raise _exists(path)
        temporary.rename(path)
    except OSError as error:
        raise not_written(path, error) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def write_whole(stream: io.FileIO, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[stream.write(view) :]


def _give_to_caller(descriptor: int) -> None:
    """With sudo it belongs to the one who called it, and wants to send it."""
    user, group = os.environ.get("SUDO_UID", ""), os.environ.get("SUDO_GID", "")
    if os.geteuid() == 0 and user.isdigit() and group.isdigit():
        with contextlib.suppress(OSError, OverflowError):
            os.fchown(descriptor, int(user), int(group))


def _exists(path: Path) -> UsageError:
    what = "is a directory" if path.is_dir() else "exists already, and nothing is written over"
    hint = f"name a file in it: --report {path}/report.tar.gz" if path.is_dir() else "name another file"
    return UsageError(f"{shown(str(path))} {what}", hint=hint, code="report-exists")


def not_written(path: Path, error: Exception, size: int | None = None) -> JetsonDeployError:
    reason = error.strerror or str(error) if isinstance(error, OSError) else str(error)
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        needs = f" (it has {size_text(size)})" if size is not None else ""
        hint = f"free space: df -h {path.parent}; or write it elsewhere, `-` is standard output"
        return ResourceError(f"cannot write {shown(str(path))}: {reason}{needs}", hint=hint, code="no-space")
    hint = "name a file in a directory that is there and that you may write"
    return UsageError(f"cannot write {shown(str(path))}: {reason}", hint=hint, code="report-not-writable")
