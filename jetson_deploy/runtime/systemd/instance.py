"""An instance: a unit, and beside it the file that holds what labels, name and image are in Docker.

The name of an instance is in its record, so that a candidate is renamed while it runs; its unit is named after its id
(64 hex digits, as a container's: `detect/port.py` and the OOM counter find either in the name of a cgroup). Its policy
is the link below `multi-user.target.wants`: it is made and removed by one call, which is the commit.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from jetson_deploy.errors import PreflightError
from jetson_deploy.spec import ContainerSpec
from jetson_deploy.store.whole_file import read_bounded, replace_whole

PREFIX = "jetson-deploy-"
_RECORD = re.compile(rf"{PREFIX}[0-9a-f]{{64}}\.json")
_MOST_BYTES = 1 << 20
_WANTS = "multi-user.target.wants"


class Instance(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    name: str
    spec: ContainerSpec
    image_id: str
    user: str
    """uid:gid that the server runs as: the owner of the store."""
    was_started: bool = False

    @property
    def unit(self) -> str:
        return f"{PREFIX}{self.id}.service"


class Instances:
    """Those of one directory of units."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def all(self) -> tuple[Instance, ...]:
        """By name. A record that cannot be read is none: its unit, if it runs, holds its port, and that is said."""
        return tuple(sorted(self._read(), key=lambda one: one.name))

    def find(self, name: str) -> Instance | None:
        """By name or id."""
        return next((one for one in self._read() if name in (one.name, one.id)), None)

    def write(self, one: Instance) -> None:
        replace_whole(self.record_path(one), msgspec.json.format(msgspec.json.encode(one), indent=1) + b"\n")

    def write_unit(self, one: Instance, text: str) -> None:
        replace_whole(self.unit_path(one), text.encode())

    def record_path(self, one: Instance) -> Path:
        return self.directory / f"{PREFIX}{one.id}.json"

    def unit_path(self, one: Instance) -> Path:
        return self.directory / one.unit

    def link_path(self, one: Instance) -> Path:
        return self.directory / _WANTS / one.unit

    def starts_at_boot(self, one: Instance) -> bool:
        return self.link_path(one).is_symlink()

    def policy(self, one: Instance) -> str:
        """Restart policy, in Docker's words."""
        return "always" if self.starts_at_boot(one) else "no"

    def set_boot(self, one: Instance, wanted: bool) -> None:
        """On the disk when this returns."""
        link = self.link_path(one)
        if wanted and not link.is_symlink():
            link.parent.mkdir(exist_ok=True)
            link.symlink_to(f"../{one.unit}")
        elif not wanted:
            link.unlink(missing_ok=True)
        if link.parent.is_dir():
            _sync(link.parent)

    def remove_unit(self, one: Instance) -> None:
        """With its link, which goes first, and the drop-ins that others gave it."""
        self.set_boot(one, wanted=False)
        unit = self.unit_path(one)
        drop_ins = unit.with_name(f"{unit.name}.d")
        if drop_ins.is_dir():
            for path in drop_ins.iterdir():
                path.unlink()
            drop_ins.rmdir()
        unit.unlink(missing_ok=True)

    def forget(self, one: Instance) -> None:
        """The record, last of all: until then a run that dies here is repeated."""
        for path in (self.record_path(one), *self.directory.glob(f".{PREFIX}{one.id}.*")):
            path.unlink(missing_ok=True)
        _sync(self.directory)

    def _read(self) -> Iterator[Instance]:
        try:
            names = os.listdir(self.directory)  # noqa: PTH208 - names, not paths
        except OSError:
            return
        for name in names:
            if not _RECORD.fullmatch(name):
                continue
            with contextlib.suppress(OSError, msgspec.MsgspecError):
                found = msgspec.json.decode(read_bounded(self.directory / name, _MOST_BYTES) or b"", type=Instance)
                if name == f"{PREFIX}{found.id}.json":  # which has the form of an id: files are removed by it
                    yield found


def written(change: Callable[[], None]) -> None:
    """Raises PreflightError `units-not-writable`."""
    try:
        change()
    except OSError as error:
        raise PreflightError(
            f"cannot write {error.filename}: {error.strerror}", hint="run with sudo", code="units-not-writable"
        ) from error


def new_id() -> str:
    return secrets.token_hex(32)


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
