"""The two changes of a move: the copy comes before the configuration names it, the start behind it."""

from __future__ import annotations

import contextlib
import time

from jetson_deploy.errors import JetsonDeployError, PreflightError
from jetson_deploy.file_lock import is_locked
from jetson_deploy.prepare.change import Change, Closing, Originals, Standing
from jetson_deploy.prepare.machine import Machine
from jetson_deploy.prepare.moving.move import Move, partial_name, remove
from jetson_deploy.prepare.moving.trees import holds_files
from jetson_deploy.prepare.placing import refusal

START_SECONDS = 120.0


class CopyTree(Change, frozen=True, kw_only=True, tag="copy-tree"):
    move: Move

    @property
    def text(self) -> str:
        return f"/{self.move.source} is copied to /{self.move.target}; {', '.join(self.move.units)} stopped meanwhile"

    @property
    def first(self) -> bool:
        return True

    def standing(self, machine: Machine) -> Standing:
        return "after" if self.move.is_here(machine, self.move.target) else "before"

    def in_use(self, machine: Machine) -> bool:
        return self.move.in_use(machine)

    def apply(self, machine: Machine) -> None:
        self.move.stop(machine)
        self.move.copy(machine, self.move.source, self.move.target)

    def revert(self, machine: Machine, originals: Originals) -> None:
        """What the target holds by now is copied back, where it was in use."""
        move = self.move
        if not move.was_in_use(machine):
            if move.is_here(machine, move.target) or move.is_here(machine, partial_name(move.target)):
                move.stop(machine)
                remove(machine, partial_name(move.target))
            return
        if not move.in_use(machine):
            self._check_back(machine)
            return
        new = move.is_here(machine, move.kept) and not move.is_back(machine)
        if new and holds_files(machine.root / move.source):  # a program makes its directories anew
            raise refusal(machine.root / move.source, "was put there since", "look what it is, and move it away")
        if not move.is_here(machine, move.source):
            move.check_room(machine, move.target, move.source)  # before anything stops
        try:
            move.stop(machine)
            remove(machine, partial_name(move.source))
            if move.is_here(machine, move.source):
                (machine.root / move.source).rename(machine.root / partial_name(move.source))
            move.copy(machine, move.target, move.source)
        except (JetsonDeployError, OSError):
            with contextlib.suppress(JetsonDeployError):
                remove(machine, partial_name(move.source))
            with contextlib.suppress(JetsonDeployError):
                move.start(machine)
            raise

    def _check_back(self, machine: Machine) -> None:
        """What is not copied back is never deleted. Raises PreflightError `changed-since`."""
        move = self.move
        if not move.is_back(machine):
            raise PreflightError(
                f"/{move.config} was changed since: it names /{move.target} no more, and its data were not copied back",
                hint=f"name it there again; or keep what you need of /{move.target} and /{move.kept}, and delete both",
                code="changed-since",
            )


class StartOn(Closing, frozen=True, kw_only=True, tag="start-on"):
    """The engine starts on what was copied, shows its images, and starts what ran."""

    move: Move
    data_root: str
    """That the engine has to show once it is done; empty: this move leaves it as it is."""
    data_root_before: str
    running: tuple[str, ...] = ()
    """Containers."""
    images: tuple[str, ...] = ()
    locked: str = ""
    """Below the tree: what the program holds locked that works on it. Empty: Docker itself says where its data lie."""

    @property
    def text(self) -> str:
        again = f", and with it {len(self.running)} containers" if self.running else ""
        return f"Docker starts there{again}; the old stays as /{self.move.kept} until --remove-old"

    def apply(self, machine: Machine) -> None:
        self._start(machine, self.data_root)
        self._check_left(machine, self.move.source)
        missing = set(self.images) - set(_listed(machine, "image", "ls", "-aq", "--no-trunc"))
        if missing:
            raise PreflightError(
                f"Docker shows {len(missing)} images less than before, {min(missing)[:19]} among them",
                hint="why: journalctl -u docker -n 50",
                code="images-lost",
            )
        if self.move.is_here(machine, self.move.source):
            (machine.root / self.move.source).rename(machine.root / self.move.kept)

    def revert(self, machine: Machine, originals: Originals) -> None:
        self._start(machine, self.data_root_before)
        self._check_left(machine, self.move.target)
        for path in (self.move.target, self.move.kept, self.move.back):
            remove(machine, path)
        self.move.remove_made(machine)

    def _check_left(self, machine: Machine, place: str) -> None:
        """Raises PreflightError where a program works on what it should have left."""
        if self.locked and is_locked(machine.root / place / self.locked):
            raise PreflightError(
                f"containerd started on /{place} and not where its configuration says",
                hint="what sets it? systemctl cat containerd; imports in /etc/containerd/config.toml",
                code="data-root-differs",
            )

    def _start(self, machine: Machine, data_root: str) -> None:
        self.move.start(machine)
        deadline = time.monotonic() + START_SECONDS
        while (found := machine.engine()) is None or not found.reachable:
            if time.monotonic() > deadline:
                raise PreflightError(
                    f"Docker did not answer within {START_SECONDS:g} s of its start",
                    hint="why: journalctl -u docker -n 50",
                    code="engine-not-started",
                )
            time.sleep(0.2)
        if data_root and found.data_root != data_root:
            raise PreflightError(
                f"Docker started with its data in {found.data_root}, and not in {data_root}",
                hint="what sets it? systemctl cat docker; docker info -f '{{.DockerRootDir}}'",
                code="data-root-differs",
            )
        there = set(_listed(machine, "ps", "-aq", "--no-trunc"))
        waiting = [one for one in self.running if one in there - set(_listed(machine, "ps", "-q", "--no-trunc"))]
        if waiting:
            machine.must("docker", "start", *waiting, hint="why: docker logs NAME")


def _listed(machine: Machine, *words: str) -> list[str]:
    return machine.must("docker", *words, unless_missing=True).split()
