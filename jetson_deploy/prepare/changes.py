"""The other kinds of change: a link, a group's member, a unit, a program that reads anew; all kinds in one union."""

from __future__ import annotations

import contextlib
import os
import re
import time
from typing import TypeAlias

from jetson_deploy.errors import PreflightError
from jetson_deploy.prepare.change import Change, Closing, Originals, Standing
from jetson_deploy.prepare.machine import Machine
from jetson_deploy.prepare.moving.changes import CopyTree, StartOn
from jetson_deploy.prepare.moving.linked import CopyStore, LinkStore, UseStore
from jetson_deploy.prepare.swap_and_power import MakeSwap, SetPowerMode
from jetson_deploy.prepare.write_file import WriteFile
from jetson_deploy.store.layout import sync_directory

RELOAD_SECONDS = 10.0
_PROC_NAME = "dockerd"


class SetLink(Change, frozen=True, kw_only=True, tag="set-link"):
    """A symbolic link that systemd reads at boot."""

    path: str
    before: str | None
    after: str
    why: str

    @property
    def text(self) -> str:
        return f"/{self.path} -> {self.after}: {self.why}"

    def standing(self, machine: Machine) -> Standing:
        now = machine.host.link(self.path)
        return "after" if now == self.after else "before" if now == self.before else "other"

    def apply(self, machine: Machine) -> None:
        self._point(machine, self.after)

    def revert(self, machine: Machine, originals: Originals) -> None:
        if self.standing(machine) == "other":
            raise PreflightError(
                f"/{self.path} was pointed elsewhere since: it is left as it is",
                hint="set it by hand: sudo systemctl set-default TARGET",
                code="changed-since",
            )
        self._point(machine, self.before)

    def _point(self, machine: Machine, target: str | None) -> None:
        path = machine.own(self.path)
        if target is None:
            path.unlink(missing_ok=True)
        else:
            new = path.with_name(f".{path.name}.jetson-deploy")
            new.unlink(missing_ok=True)
            new.symlink_to(target)
            new.replace(path)
        sync_directory(path.parent)


class AddMember(Change, frozen=True, kw_only=True, tag="add-member"):
    user: str
    group: str

    @property
    def text(self) -> str:
        return f"user {self.user} joins group {self.group}"

    def standing(self, machine: Machine) -> Standing:
        return "after" if self.user in members(machine, self.group) else "before"

    def apply(self, machine: Machine) -> None:
        machine.must("usermod", "-aG", self.group, self.user)

    def revert(self, machine: Machine, originals: Originals) -> None:
        if self.standing(machine) == "after":
            machine.must("gpasswd", "-d", self.user, self.group)


def members(machine: Machine, group: str) -> tuple[str, ...]:
    for line in (machine.host.read_text("etc/group", limit=2**20) or "").splitlines():
        name, *rest = line.split(":")
        if name == group and len(rest) == 3:
            return tuple(filter(None, rest[2].split(",")))
    return ()


class SwitchUnit(Change, frozen=True, kw_only=True, tag="switch-unit"):
    """On: enabled and started; off: stopped and disabled. As it was before: each of the two by itself."""

    unit: str
    on: bool
    was_enabled: bool
    was_active: bool
    once: bool = False
    """A start does its work and ends: whether it is enabled tells how it stands."""

    @property
    def text(self) -> str:
        return f"{self.unit} is {'enabled and started' if self.on else 'stopped and disabled'}"

    def standing(self, machine: Machine) -> Standing:
        now = unit_state(machine, self.unit)
        if self.once:
            return "after" if now[0] == self.on else "before"
        if now == (self.on, self.on):
            return "after"
        return "before" if now == (self.was_enabled, self.was_active) else "other"

    def apply(self, machine: Machine) -> None:
        machine.must("systemctl", "enable" if self.on else "disable", "--now", self.unit)

    def revert(self, machine: Machine, originals: Originals) -> None:
        enabled, active = unit_state(machine, self.unit)
        if enabled != self.was_enabled:
            machine.must("systemctl", "enable" if self.was_enabled else "disable", self.unit)
        if active != self.was_active:
            machine.must("systemctl", "start" if self.was_active else "stop", self.unit)


def unit_state(machine: Machine, unit: str) -> tuple[bool, bool]:
    """Enabled, active. Where systemd cannot be asked (a captured root) the second is taken to be as the first."""
    answer = machine.run(["systemctl", "is-enabled", unit])
    if answer.code == 127:
        folder = "etc/systemd/system"
        linked = any(machine.host.link(f"{folder}/{one}/{unit}") for one in machine.host.names(folder))
        return linked, linked
    enabled = answer.text.strip() == "enabled"
    return enabled, machine.run(["systemctl", "is-active", unit]).text.strip() in ("active", "activating")


class ReloadEngine(Change, frozen=True, kw_only=True, tag="reload-engine"):
    """SIGHUP: the engine reads its runtimes anew, and no container stops."""

    runtime: str
    """That it has to show afterwards."""

    @property
    def text(self) -> str:
        return "Docker reads its configuration anew (SIGHUP: containers run on)"

    @property
    def last(self) -> bool:
        return True

    def standing(self, machine: Machine) -> Standing:
        facts = machine.engine()
        return "after" if facts is None or not facts.reachable or self.runtime in facts.runtimes else "before"

    def apply(self, machine: Machine) -> None:
        if not self._signal(machine):
            return  # it reads the file when it starts
        deadline = time.monotonic() + RELOAD_SECONDS
        while self.standing(machine) == "before":
            if time.monotonic() > deadline:
                raise PreflightError(
                    f"Docker was asked to reload, and shows no runtime {self.runtime!r}",
                    hint="why: journalctl -u docker -n 20",
                    code="reload-failed",
                )
            time.sleep(0.1)

    def revert(self, machine: Machine, originals: Originals) -> None:
        self._signal(machine)

    def _signal(self, machine: Machine) -> bool:
        host = machine.host
        pid = (host.read_word("run/docker.pid") or "").strip()
        if not re.fullmatch(r"[1-9][0-9]{0,9}", pid) or host.read_word(f"proc/{pid}/comm") != _PROC_NAME:
            return False
        machine.must("kill", "-HUP", pid)
        return True


class RunProgram(Closing, frozen=True, kw_only=True, tag="run-program"):
    """Makes a service read what was written, in both directions; where there is no such program none runs."""

    argv: tuple[str, ...]
    why: str

    @property
    def text(self) -> str:
        return f"{self.why} ({' '.join(self.argv)})"

    def apply(self, machine: Machine) -> None:
        machine.must(*self.argv, unless_missing=True)

    def revert(self, machine: Machine, originals: Originals) -> None:
        self.apply(machine)


AnyChange: TypeAlias = (
    WriteFile
    | SetLink
    | AddMember
    | SwitchUnit
    | MakeSwap
    | SetPowerMode
    | ReloadEngine
    | RunProgram
    | CopyTree
    | StartOn
    | CopyStore
    | LinkStore
    | UseStore
)


def remove_temporaries(machine: Machine, change: AnyChange) -> None:
    """What a run that was killed left beside a file of the host."""
    if isinstance(change, WriteFile | SetLink):
        path = machine.own(change.path)
        with contextlib.suppress(OSError):
            os.unlink(path.with_name(f".{path.name}.jetson-deploy"))  # noqa: PTH108 - a link is not followed
