"""A move: from where to where, which file names the place in use, and who stands still meanwhile.

    source                       as it is; then `source.before-jetson-deploy`, once the target is in use
    source.back-jetson-deploy    of an undoing: which directory is its copy of the target (of a store: see linked.py)
    target                       whole, or not there: it is copied under another name beside it

The kept one is the mark that the target was in use. It is emptied when that is asked for (`--remove-old`), and goes
with the undoing.
"""

from __future__ import annotations

import posixpath
from pathlib import Path

import msgspec

from jetson_deploy.detect.image_root import configured_root
from jetson_deploy.errors import PreflightError
from jetson_deploy.prepare.change import check_recorded
from jetson_deploy.prepare.json_text import meaning
from jetson_deploy.prepare.machine import Machine
from jetson_deploy.prepare.moving.mounted import free_of_mounts
from jetson_deploy.prepare.moving.trees import check_room, differences, taken_by
from jetson_deploy.store.layout import sync_directory

FOLDER = "jetson-deploy"
"""What is moved is in one of this name, alone."""
BOOT_ID = "proc/sys/kernel/random/boot_id"
_SHOWN = 3


class Move(msgspec.Struct, frozen=True, kw_only=True):
    """Paths below the root."""

    source: str
    target: str
    config: str
    units: tuple[str, ...]
    """In the order in which they are stopped."""
    made: tuple[str, ...] = ()
    """Directories that are made for the target, the outer ones first."""
    boot: str | None = None
    """In which it was begun: a later one may have started the engine on the target before it counted."""

    def __post_init__(self) -> None:
        """What is recorded is deleted and moved by root. Raises ValueError for a place that a move never has."""
        for place in (self.source, self.target, *self.made):
            check_recorded(place)
        if posixpath.basename(posixpath.dirname(self.target)) != FOLDER:
            raise ValueError(f"{self.target!a} is not in a directory {FOLDER}")

    @property
    def kept(self) -> str:
        return kept_name(self.source)

    @property
    def partial(self) -> str:
        return partial_name(self.target)

    @property
    def back(self) -> str:
        return f"{self.source}.back-jetson-deploy"

    def in_use(self, machine: Machine) -> bool:
        """The configuration names the target."""
        text = machine.host.read_text(self.config, limit=2**20) or ""
        if self.config.endswith(".toml"):
            return configured_root(text) == f"/{self.target}"
        whole = meaning(text)
        return isinstance(whole, dict) and whole.get("data-root") == f"/{self.target}"

    def is_back(self, machine: Machine) -> bool:
        """The source is the copy that an undoing made: not what another program, or a person, put there since."""
        try:
            return (machine.root / self.back).read_text() == _numbered(machine.root / self.source)
        except OSError:
            return False

    def was_in_use(self, machine: Machine) -> bool:
        """The target may hold what the source does not."""
        booted = self.in_use(machine) and machine.host.read_word(BOOT_ID) != self.boot
        return self.is_here(machine, self.kept) or booted

    def is_here(self, machine: Machine, path: str) -> bool:
        return (machine.root / path).exists()

    def stop(self, machine: Machine) -> None:
        """Raises PreflightError where something of it still runs."""
        machine.must("systemctl", "stop", *self.units)
        for path in (self.source, self.target):
            free_of_mounts(machine, path)

    def start(self, machine: Machine) -> None:
        machine.must("systemctl", "start", *reversed(self.units))

    def empty_kept(self, machine: Machine) -> None:
        """The directory stays, as the mark."""
        place = machine.root / self.kept
        if place.is_dir() and any(place.iterdir()):
            remove(machine, self.kept)
            place.mkdir(mode=0o700)

    def check_room(self, machine: Machine, source: str, target: str) -> None:
        """Raises PreflightError `no-space`."""
        check_room(taken_by(machine.root / source), (machine.root / target).parent)

    def copy(self, machine: Machine, source: str, target: str) -> None:
        """Whole, compared and on the disk, or not there. Raises PreflightError."""
        one, other = machine.root / source, machine.root / target
        part = machine.root / partial_name(target)
        for folder in self.made:
            (machine.root / folder).mkdir(exist_ok=True, mode=0o755)
        remove(machine, partial_name(target))
        self.check_room(machine, source, target)
        machine.at_length("cp", "-a", "-T", str(one), str(part))
        check_same(one, part)
        if target == self.source:
            (machine.root / self.back).write_text(_numbered(part))
        machine.at_length("sync", "-f", str(part))
        part.rename(other)
        sync_directory(other.parent)

    def remove_made(self, machine: Machine) -> None:
        for folder in reversed(self.made):
            try:
                (machine.root / folder).rmdir()
            except OSError:  # another put something into it
                return


def _numbered(place: Path) -> str:
    """It keeps that under another name."""
    return str(place.stat().st_ino)


def check_same(one: Path, copy: Path) -> None:
    """Raises PreflightError `copy-differs`."""
    if unlike := list(differences(one, copy)):
        raise PreflightError(
            f"the copy of {one} differs in {len(unlike)} names: {'; '.join(unlike[:_SHOWN])}",
            hint="what wrote there meanwhile has to stand still; run it again",
            code="copy-differs",
        )


def kept_name(path: str) -> str:
    return f"{path}.before-jetson-deploy"


def partial_name(path: str) -> str:
    folder, _, name = path.rpartition("/")
    return f"{folder}/.{name}.jetson-deploy".lstrip("/")


def remove(machine: Machine, path: str) -> None:
    """Nothing of another filesystem, and nothing behind a link in the place of our folder. Raises PreflightError."""
    place: Path = machine.root / path
    if place.parent.name == FOLDER and place.parent.is_symlink():
        raise PreflightError(
            f"{place.parent} is a link to {place.parent.readlink()} by now, so nothing behind it is deleted",
            hint=f"put the directory back that was there: ls -ld {place.parent}",
            code="place-changed",
        )
    if place.exists() or place.is_symlink():
        machine.at_length("rm", "-rf", "--one-file-system", "--", str(place))
