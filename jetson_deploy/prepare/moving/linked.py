"""A model store that moves: servers go on reading it while it is copied, then a link stands in its place.

The link and the directory change places in one call of the kernel, so the name always leads to a store that is whole.
What was in place then has another name beside it:

    source.link-jetson-deploy     the link before it counts; the directory behind it, until it is `source.before-…`
    source.back-jetson-deploy     while it is undone: the copy on its way back
"""

from __future__ import annotations

import contextlib
import ctypes
import os
from collections.abc import Iterator
from pathlib import Path

from jetson_deploy.deployment.record import Record
from jetson_deploy.errors import PreflightError
from jetson_deploy.facts import ContainerFacts
from jetson_deploy.file_lock import try_lock
from jetson_deploy.prepare.change import Change, Closing, Originals, Standing
from jetson_deploy.prepare.machine import Machine
from jetson_deploy.prepare.moving.move import Move, check_same, partial_name, remove
from jetson_deploy.prepare.placing import not_written
from jetson_deploy.store.layout import StorePaths, sync_directory

_EXCHANGE = 2
_NO_FOLDER = -100


class CopyStore(Change, frozen=True, kw_only=True, tag="copy-store"):
    move: Move

    @property
    def text(self) -> str:
        return f"/{self.move.source} is copied to /{self.move.target}; servers go on meanwhile"

    @property
    def first(self) -> bool:
        return True

    def standing(self, machine: Machine) -> Standing:
        return "after" if self.move.is_here(machine, self.move.target) else "before"

    def in_use(self, machine: Machine) -> bool:
        return leads_to(machine, self.move)

    def apply(self, machine: Machine) -> None:
        with _alone(machine, self.move.source):
            self.move.copy(machine, self.move.source, self.move.target)

    def revert(self, machine: Machine, originals: Originals) -> None:
        """What the target holds by now is copied back, where it is in use."""
        if not leads_to(machine, self.move):
            _check_back(machine, self.move)
            return
        _check_not_named(machine, self.move.target)
        remove(machine, self.move.back)
        with _alone(machine, self.move.target):
            self.move.copy(machine, self.move.target, self.move.back)


class LinkStore(Change, frozen=True, kw_only=True, tag="link-store"):
    move: Move

    @property
    def text(self) -> str:
        return f"/{self.move.source} becomes a link to /{self.move.target}"

    def standing(self, machine: Machine) -> Standing:
        return "after" if leads_to(machine, self.move) else "before"

    def apply(self, machine: Machine) -> None:
        if leads_to(machine, self.move):
            return
        remove(machine, _link(self.move))
        with _alone(machine, self.move.source):
            check_same(machine.root / self.move.source, machine.root / self.move.target)
            (machine.root / _link(self.move)).symlink_to(f"/{self.move.target}")
            _exchange(machine.root / self.move.source, machine.root / _link(self.move))

    def revert(self, machine: Machine, originals: Originals) -> None:
        if not leads_to(machine, self.move):
            return
        with _alone(machine, self.move.target):
            check_same(machine.root / self.move.target, machine.root / self.move.back)
            _exchange(machine.root / self.move.source, machine.root / self.move.back)


class UseStore(Closing, frozen=True, kw_only=True, tag="use-store"):
    """A container holds the directory that was there when it started."""

    move: Move
    serving: tuple[str, ...] = ()
    """Containers that served from it when this was planned."""

    @property
    def text(self) -> str:
        again = f"{', '.join(self.serving)} restarted; " if self.serving else ""
        return f"{again}the old stays as /{self.move.kept} until --remove-old"

    def apply(self, machine: Machine) -> None:
        self._restart(machine)
        old = machine.root / _link(self.move)
        if old.is_dir() and not old.is_symlink():
            old.rename(machine.root / self.move.kept)

    def revert(self, machine: Machine, originals: Originals) -> None:
        """Once it is restarted no server reads the target."""
        self._restart(machine)
        back = self.move.back
        link, kept, target = _link(self.move), self.move.kept, self.move.target
        for path in (partial_name(back), self.move.partial, target, link, kept, back):
            remove(machine, path)
        self.move.remove_made(machine)

    def _restart(self, machine: Machine) -> None:
        if running := serving_from(machine, self.move.source, self.move.target):
            machine.must("docker", "restart", *running, hint="why: docker logs NAME")


def _check_back(machine: Machine, move: Move) -> None:
    """What was in use and is not copied back is never deleted. Raises PreflightError `changed-since`."""
    old = machine.root / _link(move)
    used = move.is_here(machine, move.kept) or (old.is_dir() and not old.is_symlink())
    if used and move.is_here(machine, move.target) and machine.host.link(move.back) != f"/{move.target}":
        raise PreflightError(
            f"/{move.source} was changed since: it leads to /{move.target} no more, and that was not copied back",
            hint=f"make it that link again; or keep what you need of /{move.target}, and delete it",
            code="changed-since",
        )


def serving_from(machine: Machine, *places: str) -> tuple[str, ...]:
    """Containers of ours that run on a store in one of these places, links followed."""
    running = (one for one in _ours(machine) if one.state == "running")
    return tuple(one.name for one in running if _real(machine, Record.read(one.labels).store) in places)


def _check_not_named(machine: Machine, place: str) -> None:
    """What was deployed since may name the new place itself. Raises PreflightError."""
    engine = machine.engine()
    if engine is not None and not engine.reachable and engine.problem != "absent":
        raise PreflightError(
            f"Docker does not answer, so which deployments use /{place} is not known",
            hint="start it first: sudo systemctl start docker",
            code="engine-not-usable",
        )
    named = [one for one in _ours(machine) if Path(Record.read(one.labels).store or "/").is_relative_to(f"/{place}")]
    if named:
        raise PreflightError(
            f"{named[0].name} was deployed since with its models in /{place}",
            hint="leave it there; or: sudo jetson-deploy down, take the step back, and deploy again",
            code="store-in-use",
        )


def _ours(machine: Machine) -> tuple[ContainerFacts, ...]:
    engine = machine.engine()
    return () if engine is None else engine.containers


def _real(machine: Machine, path: str | None) -> str | None:
    return machine.host.real(path.lstrip("/")) if path else None


def leads_to(machine: Machine, move: Move) -> bool:
    return machine.host.link(move.source) == f"/{move.target}"


def _link(move: Move) -> str:
    return f"{move.source}.link-jetson-deploy"


@contextlib.contextmanager
def _alone(machine: Machine, store: str) -> Iterator[None]:
    """No run writes into it meanwhile. Raises PreflightError."""
    lock = StorePaths(machine.root / store).lock
    try:
        lock.parent.mkdir(exist_ok=True)
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
    except OSError as error:
        raise not_written(lock, error) from error
    try:
        if not try_lock(descriptor):
            raise PreflightError(
                f"another run writes the store /{store}", hint="wait for its end, and run it again", code="store-locked"
            )
        yield
    finally:
        os.close(descriptor)


def _exchange(one: Path, other: Path) -> None:
    """Two names of one directory change places at once (renameat2). Raises PreflightError, ResourceError."""
    call = ctypes.CDLL(None, use_errno=True).renameat2
    call.argtypes = (ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_uint)
    if call(_NO_FOLDER, os.fsencode(one), _NO_FOLDER, os.fsencode(other), _EXCHANGE) != 0:
        number = ctypes.get_errno()
        raise not_written(one, OSError(number, os.strerror(number)))
    sync_directory(one.parent)
